// What somebody is shown of an event, in whatever way: it is the one event that stands in that place, and says what was sent.
import { shownFault } from "../changes.ts";
import { type Journal, keyOf, type Shown } from "../journal.ts";
import type { Violations } from "../violation.ts";

/** @param settled nothing is under way that could change it */
export function checkSight(journal: Journal, violations: Violations, event: Shown, by: string, settled: boolean): void {
  const course = journal.course(event.conversation_id);
  const label = course?.label ?? event.conversation_id;
  // Of a new conversation the members may hear before its creator.
  if (course !== undefined && !course.note(event)) {
    violations.add("order", `seq ${event.seq} of ${label} was shown as two different events`, [`${by}: ${clipped(event)}`]);
    return;
  }
  if (event.type !== "msg") return;
  const where = `seq ${event.seq} of ${label}`;
  const sent = journal.sentAs(event.sender_id, event.client_msg_id ?? "");
  const key = keyOf(event.sender_id, event.client_msg_id ?? "");
  if (sent === null) violations.add("changed", `${where} is a message that nobody sent`, [`shown to ${by}`, clipped(event)]);
  else {
    const wrong = course !== undefined && sent.label !== course.label ? `it was sent to ${sent.label}`
      : sent.content_type !== event.content_type ? `content_type ${event.content_type} instead of ${sent.content_type}`
        : shownFault(sent.content, journal.changes.of(key), event, settled);
    if (wrong !== null) violations.add("changed", `${key} at ${where}: ${wrong}`, [`shown to ${by}`, clipped(event)]);
  }
}

export function clipped(event: Shown | null): string {
  const text = JSON.stringify(event);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
