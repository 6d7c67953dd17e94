// Who gets which events of a round, and what a session does with what it gets.
import type { Stay } from "./membership.ts";

export interface Owed {
  user_id: string;
  /** Events to send, both ends included; null: the head alone. */
  events: { from: number; to: number } | null;
  head: number;
  left: boolean;
}

/**
 * What one recipient is owed up to `head`. Clipped to their stay: nobody gets an event outside it.
 * @param from the first seq that they may lack
 * @param most events that are pushed: the newest, and what is before them the client pulls
 */
export function planOwed(stay: Stay, from: number, head: number, most: number): Owed | null {
  const end = Math.min(head, stay.left_seq ?? head);
  const start = Math.max(from, stay.joined_seq, end - most + 1);
  if (end < stay.joined_seq) return null;
  return {
    user_id: stay.user_id,
    events: start <= end ? { from: start, to: end } : null,
    head: end,
    left: stay.left_seq !== null && stay.left_seq <= head,
  };
}

/** A reply of an older life of a session's sockets says nothing about the present one. */
export function decideLive(known: number | undefined, gen: number): "current" | "stale" {
  return known !== undefined && gen < known ? "stale" : "current";
}

export interface InboxState {
  epoch: number;
  settled_seq: number;
}

/** A settle moves the inbox only forward; a new epoch starts it anew. */
export function decideSettle(row: InboxState | null, epoch: number, headSeq: number): "move" | "keep" {
  if (row === null || epoch > row.epoch) return "move";
  return epoch === row.epoch && headSeq > row.settled_seq ? "move" : "keep";
}
