// How a segment stands to what the ledger has of its conversation. Pure.
import type { SegmentHead } from "../protocol/segment.ts";
import type { EpochEntry } from "./stores/store.ts";

type Place = Pick<SegmentHead, "from_seq" | "to_seq" | "chain_before" | "chain">;

/** The neighbour whose chain does not fit, as `from-to`; null where both fit, are not there yet, or have no chain. */
export function decideNeighbours(head: Place, others: readonly Place[]): string | null {
  const parts = (one: string | undefined, other: string | undefined) => one !== undefined && other !== undefined && one !== other;
  const broken = others.find((other) =>
    (other.to_seq === head.from_seq - 1 && parts(other.chain, head.chain_before)) || (other.from_seq === head.to_seq + 1 && parts(other.chain_before, head.chain)));
  return broken === undefined ? null : `${broken.from_seq}-${broken.to_seq}`;
}

/** Is it of an epoch that a restore has ended? */
export function isStraggler({ epoch }: Pick<SegmentHead, "epoch">, epochs: readonly EpochEntry[]): boolean {
  return epochs.some((begun) => begun.epoch > epoch);
}
