// What becomes of a message that somebody wants to append.

/** What the conversation knows at the moment of the append. */
export interface Head {
  seq: number;
  msg_no: number;
  /** µs of the newest event */
  clock: number;
}

export type Append =
  | { kind: "duplicate"; seq: number }
  | { kind: "accepted"; seq: number; msg_no: number };

/**
 * @param prior the seq that this (sender_id, client_msg_id) already holds: it keeps it for life, whatever the body
 */
export function decideAppend(head: Head, prior: number | null): Append {
  if (prior !== null) return { kind: "duplicate", seq: prior };
  // Invariant: seq is dense; a hole means corruption, not loss.
  return { kind: "accepted", seq: head.seq + 1, msg_no: head.msg_no + 1 };
}
