// When a conversation's storage is not what it was: somebody trusted knows of more than is there. A client's word never counts. And what
// of a member's receipts belongs to what was restored.
import type { Stay } from "./membership.ts";
import { type Marks, marksBefore } from "./receipts.ts";

export interface Reached {
  epoch: number;
  seq: number;
}

/** @param known what a session's inbox or the archive has; null: nothing is known */
export function decideTrust(own: Reached, known: Reached | null | undefined): "well" | "rolled_back" {
  if (known === null || known === undefined || known.epoch < own.epoch) return "well";
  return known.epoch > own.epoch || known.seq > own.seq ? "rolled_back" : "well";
}

/**
 * The watermarks of the stay that they were given in: the newest one that had begun by then. null: of no stay that was restored.
 * @param stays of one user
 */
export function decideRestoredMarks(stays: readonly Stay[], given: Marks, headSeq: number): { stay: Stay; marks: Marks } | null {
  const read = given.read_at > 0 ? Math.min(given.read_seq, headSeq) : 0;
  const delivered = Math.max(read, Math.min(given.delivered_seq, headSeq));
  const stay = stays.filter(({ joined_seq }) => joined_seq <= delivered).toSorted((a, b) => b.joined_seq - a.joined_seq)[0];
  if (stay === undefined) return null;
  const before = marksBefore(stay);
  return {
    stay,
    marks: {
      // A watermark may have outlived the other one's retention.
      delivered_seq: delivered, delivered_at: given.delivered_at > 0 ? given.delivered_at : given.read_at,
      ...(read < stay.joined_seq ? { read_seq: before.read_seq, read_at: 0 } : { read_seq: read, read_at: given.read_at }),
    },
  };
}
