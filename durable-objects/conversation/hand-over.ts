// Watermarks for the archive: handed over with the answer to an acknowledgement, those that have moved since the last one. No
// row is written for it: what was handed over is known in memory, and after a wake all are again.
import type { ArchiveAck, MemberMarks } from "../../protocol/archive.ts";
import type { Marks } from "../../domain/receipts.ts";
import type { StayEntry } from "./marks.ts";

/** Of one answer; the rest goes with the next one. */
const MARKS_MAX = 1_000;
/** Acknowledgements that are remembered. */
const ACKS_MAX = 1_000;

export interface StoredMarks {
  /** Every stay's watermarks as they are stored, or as the events tell. */
  stored(): { stay: Pick<StayEntry, "user_id" | "joined_seq">; marks: Marks }[];
}

export class HandOver {
  private readonly receipts: StoredMarks;
  /** By user: what the archive was told last. */
  private readonly told = new Map<string, Marks>();
  private readonly acks = new Set<number>();

  constructor(receipts: StoredMarks) {
    this.receipts = receipts;
  }

  /** An acknowledgement that comes again may be one whose answer was lost: then all are given. */
  after({ from_seq }: Pick<ArchiveAck, "from_seq">): MemberMarks[] {
    if (this.acks.has(from_seq)) this.told.clear();
    if (this.acks.size >= ACKS_MAX) this.acks.clear();
    this.acks.add(from_seq);
    const newest = new Map<string, ReturnType<StoredMarks["stored"]>[number]>();
    for (const stored of this.receipts.stored()) {
      if ((newest.get(stored.stay.user_id)?.stay.joined_seq ?? 0) <= stored.stay.joined_seq) newest.set(stored.stay.user_id, stored);
    }
    const moved = [...newest].filter(([user_id, { marks }]) => marks.delivered_at > 0 && this.told.get(user_id) !== marks).slice(0, MARKS_MAX);
    return moved.map(([user_id, { marks }]) => {
      this.told.set(user_id, marks);
      // Before the first receipt a stay's watermark is where it begins, which is no receipt.
      const read_seq = marks.read_at > 0 ? marks.read_seq : 0;
      return { user_id, delivered_seq: marks.delivered_seq, delivered_at: marks.delivered_at, read_seq, read_at: marks.read_at };
    });
  }
}
