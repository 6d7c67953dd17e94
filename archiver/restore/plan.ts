// What a restore decides. Pure.
import type { RestoreState } from "../../protocol/restore-calls.ts";
import type { EpochEntry } from "../stores/store.ts";

export type Target =
  | { kind: "go"; epoch: number; resumes: EpochEntry | null }
  /** It lives in the epoch that was begun: what is left is to note it. */
  | { kind: "done"; epoch: number }
  | { kind: "refused"; because: string };

/**
 * The epoch to restore with: one that was begun and not completed, or the one after all that anybody knows.
 * @param archivedSeq how far the archive has it, without a hole
 * @param known the highest epoch of the ledger and of what waits in the bucket
 */
export function decideTarget(state: RestoreState, epochs: readonly EpochEntry[], known: number, archivedSeq: number, force: boolean): Target {
  const last = epochs.at(-1);
  const begun = last !== undefined && last.completed_at === null ? last : null;
  if (begun !== null && state.state === "healthy" && state.epoch >= begun.epoch) return { kind: "done", epoch: begun.epoch };
  // Whoever began it has decided.
  if (begun !== null && begun.epoch >= state.epoch) return { kind: "go", epoch: begun.epoch, resumes: begun };
  if (state.state === "healthy" && state.head_seq >= archivedSeq && !force) {
    return { kind: "refused", because: `it is well: its head is ${state.head_seq}, and the archive ends at ${archivedSeq}; --force restores it all the same` };
  }
  return { kind: "go", epoch: 1 + Math.max(1, state.epoch, known, last?.epoch ?? 0), resumes: null };
}

export interface Waiting {
  key: string;
  epoch: number;
  from_seq: number;
  to_seq: number;
}

/** The segment that continues the archive: of an epoch that is to end, the newest that there is. */
export function nextWaiting(waiting: readonly Waiting[], archivedSeq: number, epoch: number): Waiting | null {
  return waiting.filter((segment) => segment.epoch < epoch && segment.from_seq === archivedSeq + 1).toSorted((a, b) => b.epoch - a.epoch)[0] ?? null;
}
