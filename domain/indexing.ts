// When messages go into a conversation's index. Until then they are looked through one by one, which costs nothing to write.
import type { HotRule, SealRule } from "./sealing.ts";

/** Events that a search looks through one by one without a loss that anybody would notice. */
export const SCANNED_EVENTS = 1_024;

export interface IndexState {
  head_seq: number;
  indexed_seq: number;
  archived_seq: number;
}

/**
 * When the next events are to be indexed, ms; null while nobody gains by it: once as many wait as make a segment, and before the
 * body of one of them goes.
 * @param firstAt ms of the first event that is not indexed
 */
export function decideIndexDue(state: IndexState, firstAt: number | null, rule: SealRule & HotRule, now: number): number | null {
  const { head_seq, indexed_seq, archived_seq } = state;
  if (firstAt === null) return null;
  if (head_seq - indexed_seq >= Math.min(rule.seal_events, SCANNED_EVENTS)) return now;
  return indexed_seq < Math.min(archived_seq, head_seq - rule.hot_events) ? Math.max(now, firstAt + rule.hot_days * 86_400_000) : null;
}

/** How many of the oldest waiting events one step takes, by the bytes of their bodies: always at least one. */
export function planIndexStep(sizes: readonly number[], maxBytes: number): number {
  let bytes = 0;
  const end = sizes.findIndex((size) => {
    bytes += size;
    return bytes > maxBytes;
  });
  return end === -1 ? sizes.length : Math.max(1, end);
}
