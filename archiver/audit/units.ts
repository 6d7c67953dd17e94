// The runs that an audit takes one after the other: a conversation's segments as the ledger has them, and what it lacks. Each is
// small enough to be held in memory.
import type { EpochEntry, LedgerEntry, RawRow } from "../stores/store.ts";

/** Events of a run that no segment bounds. */
const UNIT = 500;

export interface Unit {
  from: number;
  to: number;
  /** null: the ledger does not know of these. */
  entry: LedgerEntry | null;
}

/** The epoch that a seq belongs to: each begins where the one before it was restored to. */
export function epochAt(seq: number, epochs: readonly EpochEntry[]): number {
  return epochs.findLast(({ from_seq }) => from_seq !== null && from_seq <= seq)?.epoch ?? 1;
}

/** What later epochs have left of a segment: all of it, its beginning, or nothing. The chain's hash is the whole one's alone. */
export function leftOfSegment(entry: LedgerEntry, epochs: readonly EpochEntry[]): LedgerEntry | null {
  const end = Math.min(...epochs.map(({ epoch, from_seq }) => (epoch > entry.epoch && from_seq !== null ? from_seq - 1 : Number.POSITIVE_INFINITY)));
  if (entry.from_seq > end) return null;
  if (entry.to_seq <= end) return entry;
  const { chain: _chain, last_id: _last, ...beginning } = entry;
  return { ...beginning, to_seq: end, count: end - entry.from_seq + 1 };
}

/** A row of an epoch that ended before its seq: a restore did not go so far, and that seq is another event since. */
export function isRowLeftBehind({ seq, epoch }: Pick<RawRow, "seq" | "epoch">, epochs: readonly EpochEntry[]): boolean {
  return seq !== null && epoch !== null && epoch < epochAt(seq, epochs);
}

/**
 * From `from` to `end`, without a hole.
 * @param ledger ascending; what does not continue is passed over, and its seqs are nobody's
 */
export async function* unitsOf(ledger: AsyncIterable<LedgerEntry>, epochs: readonly EpochEntry[], from: number, end: number): AsyncGenerator<Unit> {
  let next = from;
  for await (const whole of ledger) {
    const entry = leftOfSegment(whole, epochs);
    if (entry === null || entry.to_seq < next || entry.from_seq > end) continue;
    if (entry.from_seq > next) yield* unknown(next, entry.from_seq - 1);
    // An entry that overlaps was made by hand: what is left of it has no bounds of its own.
    yield entry.from_seq >= next ? { from: entry.from_seq, to: entry.to_seq, entry } : { from: next, to: entry.to_seq, entry: null };
    next = entry.to_seq + 1;
  }
  if (next <= end) yield* unknown(next, end);
}

function* unknown(from: number, to: number): Generator<Unit> {
  for (let start = from; start <= to; start += UNIT) yield { from: start, to: Math.min(to, start + UNIT - 1), entry: null };
}
