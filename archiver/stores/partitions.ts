// Where in Cassandra the rows of a month lie. A month of one conversation is one partition, up to PARTITION_ROWS seqs; of a
// hot conversation it is several, by seq, so that whoever knows an event's id and seq knows its partition.

/** Seqs of one partition: 7 MB of messages of 200 bytes, and below 100 MB up to 3 KB each. */
export const PARTITION_ROWS = 16_384;

/** Kept in the keyspace, once for all programs. */
export interface Layout {
  /** The first month that is split; earlier ones were written by programs that know months alone. */
  split_from: string;
}

const DIGITS = 6;

/** @param month `2026-11`; @returns `2026-11`, or `2026-11.000003` for the seqs from 3 × PARTITION_ROWS on */
export function partitionOf(month: string, seq: number, { split_from }: Layout): string {
  return partitionAt(month, month < split_from ? 0 : Math.floor(seq / PARTITION_ROWS));
}

/** The partitions that hold a run of seqs of one month, ascending. */
export function partitionsOf(month: string, fromSeq: number, toSeq: number, { split_from }: Layout): string[] {
  if (month < split_from) return [month];
  const first = Math.floor(fromSeq / PARTITION_ROWS);
  return Array.from({ length: Math.floor(toSeq / PARTITION_ROWS) - first + 1 }, (_, i) => partitionAt(month, first + i));
}

/** Text order is the order of seq. */
function partitionAt(month: string, k: number): string {
  return k === 0 ? month : `${month}.${String(k).padStart(DIGITS, "0")}`;
}

export function monthOf(partition: string): string {
  return partition.slice(0, 7);
}

export function isSplit(partition: string): boolean {
  return partition.includes(".");
}

/** The month from which a keyspace that older programs have written is split: they have a week at least to go. */
export function decideSplitFrom(now: number): string {
  const soon = new Date(now + 7 * 86_400_000);
  return new Date(Date.UTC(soon.getUTCFullYear(), soon.getUTCMonth() + 1, 1)).toISOString().slice(0, 7);
}

/** Every month is split: nothing else was ever written there. */
export const SPLIT_ALWAYS: Layout = { split_from: "0000-00" };
