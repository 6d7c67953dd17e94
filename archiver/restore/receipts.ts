// Which of the archive's watermarks a restore brings back. A watermark is a seq, and behind where an epoch began a seq is another event
// than it was before: what a member had of the old one says nothing of the new one. Pure.
import type { MemberMarks } from "../../protocol/archive.ts";
import type { EpochEntry } from "../stores/store.ts";

/** @param epochs that restores began, the present one among them */
export function clipReceipts(receipts: readonly MemberMarks[], epochs: readonly EpochEntry[]): MemberMarks[] {
  const clip = (seq: number, at: number) => epochs.reduce((end, { from_seq, begun_at }) => (from_seq !== null && at < begun_at ? Math.min(end, from_seq - 1) : end), seq);
  return receipts
    .map((marks) => ({ ...marks, delivered_seq: clip(marks.delivered_seq, marks.delivered_at), read_seq: clip(marks.read_seq, marks.read_at) }))
    .filter(({ delivered_seq, read_seq }) => delivered_seq + read_seq > 0);
}
