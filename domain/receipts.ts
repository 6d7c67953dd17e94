// What became of messages: watermarks that only grow, who is told that they did, and how many have a message.
import type { Stay } from "./membership.ts";

/** One stay's watermarks: everything up to a seq. `_at`: ms when it got there; 0 before the first. */
export interface Marks {
  delivered_seq: number;
  delivered_at: number;
  read_seq: number;
  read_at: number;
}

/** 0 where a receipt does not speak of it. */
export interface Receipt {
  delivered_seq: number;
  read_seq: number;
}

/** Where a stay begins: nothing of it was delivered yet. */
export function marksBefore(stay: Pick<Stay, "joined_seq">): Marks {
  return { delivered_seq: stay.joined_seq - 1, delivered_at: 0, read_seq: stay.joined_seq - 1, read_at: 0 };
}

/** A receipt speaks of what its member has seen: from where they see, to the head. */
export function decideReceipt(from: number, head: number, receipt: Receipt): "take" | "refuse" {
  const given = [receipt.delivered_seq, receipt.read_seq].filter((seq) => seq !== 0);
  return given.length > 0 && given.every((seq) => seq >= from && seq <= head) ? "take" : "refuse";
}

/** READ implies DELIVERED, and neither goes back: nor do their times. The same object where nothing moves. */
export function mergeMarks(marks: Marks, receipt: Receipt, now: number): Marks {
  const read_seq = Math.max(marks.read_seq, receipt.read_seq);
  const delivered_seq = Math.max(marks.delivered_seq, receipt.delivered_seq, read_seq);
  if (read_seq === marks.read_seq && delivered_seq === marks.delivered_seq) return marks;
  const at = Math.max(now, marks.delivered_at, marks.read_at);
  return {
    delivered_seq, delivered_at: delivered_seq > marks.delivered_seq ? at : marks.delivered_at,
    read_seq, read_at: read_seq > marks.read_seq ? at : marks.read_at,
  };
}

/** Was this member there when the message was sent? Only those count. */
export function covers(stay: Pick<Stay, "joined_seq" | "left_seq">, seq: number): boolean {
  return stay.joined_seq <= seq && seq < (stay.left_seq ?? Number.POSITIVE_INFINITY);
}

export interface Counted {
  delivered: number;
  read: number;
  total: number;
}

/** @param members the stays that cover the message, its sender's left out */
export function countMarks(members: readonly Marks[], seq: number): Counted {
  return {
    delivered: members.filter((marks) => marks.delivered_seq >= seq).length,
    read: members.filter((marks) => marks.read_seq >= seq).length,
    total: members.length,
  };
}

/** A stay whose watermarks have moved. */
export interface Move {
  user_id: string;
  before: Marks;
  after: Marks;
}

export interface Told {
  /** The moves that passed a message of this sender, and which of their watermarks did. */
  moves: { move: Move; delivered: boolean; read: boolean }[];
  /** The newest message whose counts changed. */
  newest_seq: number;
}

/** @param sent the seqs of each sender's messages, ascending, as far as any of the moves went */
export function planTold(moves: readonly Move[], sent: ReadonlyMap<string, readonly number[]>): Map<string, Told> {
  const plan = new Map<string, Told>();
  for (const [sender, seqs] of sent) {
    const told: Told = { moves: [], newest_seq: 0 };
    for (const move of moves) {
      // Nobody is told of what they themselves have read of their own.
      if (move.user_id === sender) continue;
      const delivered = newestWithin(seqs, move.before.delivered_seq, move.after.delivered_seq);
      const read = newestWithin(seqs, move.before.read_seq, move.after.read_seq);
      if (delivered === 0 && read === 0) continue;
      told.moves.push({ move, delivered: delivered > 0, read: read > 0 });
      told.newest_seq = Math.max(told.newest_seq, delivered, read);
    }
    if (told.moves.length > 0) plan.set(sender, told);
  }
  return plan;
}

/** The greatest of ascending `seqs` in (after, upTo]; 0 where there is none. */
function newestWithin(seqs: readonly number[], after: number, upTo: number): number {
  let low = 0;
  let high = seqs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((seqs[middle] as number) <= upTo) low = middle + 1;
    else high = middle;
  }
  const found = seqs[low - 1] ?? 0;
  return found > after ? found : 0;
}
