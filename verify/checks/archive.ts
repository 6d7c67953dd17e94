// The archive is the beginning of the history: its rows are seq 1, 2, 3 … without a hole, each the event of that place.
import { shownFault } from "../changes.ts";
import type { Course } from "../course.ts";
import { type Journal, keyOf, type Shown } from "../journal.ts";
import type { Violations } from "../violation.ts";
import { clipped } from "./sights.ts";

/** Returns how many rows there were. */
export function checkArchive(journal: Journal, violations: Violations, course: Course, rows: Iterable<Shown>): number {
  let expected = 1;
  for (const row of rows) {
    if (row.seq !== expected) {
      violations.add("archive", `the archive of ${course.label} has seq ${row.seq} where ${expected} should be`, [clipped(row)]);
      return expected - 1;
    }
    expected += 1;
    const wrong = row.seq > course.tail.seq ? "the history does not reach that far" : rowFault(journal, course, row);
    if (wrong !== null) violations.add("archive", `the archive of ${course.label} at seq ${row.seq}: ${wrong}`, [clipped(row)]);
  }
  return expected - 1;
}

/** Of other events the archive's columns don't hold all that the fingerprint covers. */
function rowFault(journal: Journal, course: Course, row: Shown): string | null {
  if (row.type !== "msg") return null;
  if (!course.note(row)) return "another event than in the history";
  const sent = journal.sentAs(row.sender_id, row.client_msg_id ?? "");
  if (sent === null) return "a message that nobody sent";
  return shownFault(sent.content, journal.changes.of(keyOf(row.sender_id, row.client_msg_id ?? "")), row, false);
}
