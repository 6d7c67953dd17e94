// What the checker can find wrong.

export const CODES = {
  lost: "an acknowledged message, or one that somebody was shown, is not in the history",
  duplicate: "one client_msg_id of one sender stands in two places",
  hole: "the sequence of a conversation is not 1, 2, 3 …",
  order: "two views of one order differ, or the order contradicts what was seen in time",
  changed: "a message is not what was sent",
  undelivered: "a member was not told of an event in time",
  unlisted: "a conversation is missing from a member's list, or from a resume that asks what is new",
  seam: "bodies could not be read, though they are either hot or in a running archive",
  regressed: "an answer takes back what an earlier one said",
  unanswered: "a message got no acknowledgement in time from a deployment that serves",
  leaked: "somebody was shown an event of a conversation that they are not in, or from outside their stay",
  receipt: "somebody was told of a receipt that nobody gave",
  archive: "the archive is not the beginning of the history",
} as const;

export type Code = keyof typeof CODES;

export interface Violation {
  code: Code;
  /** One line: what, where, who. */
  what: string;
  /** What it is concluded from, a line each. */
  evidence: string[];
}

/** What is kept in full: one thing that is broken can break everything behind it. */
const KEPT = 1_000;

/** Collects each violation once, however many readers meet it. */
export class Violations {
  readonly all: Violation[] = [];
  private readonly seen = new Set<string>();

  add(code: Code, what: string, evidence: string[] = []): void {
    const key = `${code} ${what}`;
    if (this.seen.has(key) || this.all.length >= KEPT) return;
    this.seen.add(key);
    this.all.push({ code, what, evidence });
  }
}
