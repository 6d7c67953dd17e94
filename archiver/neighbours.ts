// How a segment stands to what the ledger has of its conversation. Pure.
import type { SegmentHead } from "../protocol/segment.ts";
import type { EpochEntry, LedgerEntry } from "./stores/store.ts";

/** The neighbour whose chain does not fit, as `from-to`; null where both fit, are not there yet, or have no chain. */
export function decideNeighbours(head: SegmentHead, before: LedgerEntry | null, after: LedgerEntry | null): string | null {
  const parts = (one: string | undefined, other: string | undefined) => one !== undefined && other !== undefined && one !== other;
  if (before !== null && before.to_seq === head.from_seq - 1 && parts(before.chain, head.chain_before)) return `${before.from_seq}-${before.to_seq}`;
  if (after !== null && after.from_seq === head.to_seq + 1 && parts(after.chain_before, head.chain)) return `${after.from_seq}-${after.to_seq}`;
  return null;
}

/** Is it of an epoch that a restore has ended? */
export function isStraggler({ epoch }: Pick<SegmentHead, "epoch">, epochs: readonly EpochEntry[]): boolean {
  return epochs.some((begun) => begun.epoch > epoch);
}
