// Nobody sees what lies outside their stays, and who is in sees all of their stay.
import type { Stay } from "../course.ts";
import type { Shown } from "../journal.ts";
import type { Violations } from "../violation.ts";
import { clipped } from "./sights.ts";

/** @param seen runs of seqs that a user was shown, on whatever way */
export function checkSeen(violations: Violations, who: string, label: string, stays: readonly Stay[], seen: readonly (readonly [number, number])[]): void {
  for (const [from, to] of seen) {
    const outside = firstOutside(stays, from, to);
    if (outside !== null) {
      violations.add("leaked", `${who} was shown seq ${outside} of ${label}`, [`their stays: ${stays.map((stay) => `${stay.from}–${stay.to}`).join(", ") || "none"}`, `shown: ${from}–${to}`]);
    }
  }
}

function firstOutside(stays: readonly Stay[], from: number, to: number): number | null {
  for (let seq = from; seq <= to;) {
    const stay = stays.find((one) => one.from <= seq && seq <= one.to);
    if (stay === undefined) return seq;
    seq = stay.to + 1;
  }
  return null;
}

/** A page that a member who joined later reads from the very beginning begins with their joining. */
export function checkBeginning(violations: Violations, who: string, label: string, stay: Stay, first: Shown | undefined): void {
  if (first === undefined) {
    violations.add("lost", `${who} is a member of ${label} since seq ${stay.from}, and their history of it is empty`);
  } else if (first.seq < stay.from) {
    violations.add("leaked", `${who} reads seq ${first.seq} of ${label}, and is a member since ${stay.from}`, [clipped(first)]);
  } else if (first.seq > stay.from) {
    violations.add("hole", `${who} is a member of ${label} since seq ${stay.from}, and their history begins at ${first.seq}`, [clipped(first)]);
  }
}
