// When events go to the archive, and when their bodies may leave the object.

export interface SealRule {
  seal_events: number;
  seal_after_ms: number;
}

/** Most events and bytes of one segment. */
export const SEGMENT_EVENTS = 1_024;
export const SEGMENT_BYTES = 4 * 1024 * 1024;

/**
 * When the next segment is due, ms; null while nothing waits.
 * @param waiting events that no segment plan covers
 * @param oldestAt ms of the oldest of them
 */
export function decideSealDue(waiting: number, oldestAt: number | null, rule: SealRule, now: number): number | null {
  if (waiting === 0 || oldestAt === null) return null;
  return waiting >= rule.seal_events ? now : oldestAt + rule.seal_after_ms;
}

/** How many of the oldest waiting events one segment takes: always at least one. */
export function planSegment(sizes: readonly number[]): number {
  let bytes = 0;
  let count = 0;
  for (const size of sizes) {
    if (count > 0 && (count >= SEGMENT_EVENTS || bytes + size > SEGMENT_BYTES)) break;
    bytes += size;
    count += 1;
  }
  return count;
}

/** A segment that was put and is not acknowledged. `put_at`: ms of the last PUT or look; `looks`: whether it is still there. */
export interface WaitingSegment {
  put_at: number;
  looks: number;
  /** An archiver says that it is not what was sealed. */
  wrong: boolean;
  /** How often one has said so. */
  reports: number;
}

/** After a PUT whose object an archiver finds wrong. */
const WRONG_MS = 10_000;
const LOOK_MAX_MS = 86_400_000;

/**
 * When to look whether a segment is still in the bucket, or to put a wrong one again, ms: rarer each time, since a bucket
 * that alters what it is given, or an archiver that is down for days, must cost no storm of PUTs.
 */
export function decideLookDue({ put_at, looks, wrong, reports }: WaitingSegment, resealAfterMs: number, now: number): number {
  // After a clock that went back the time of the PUT says nothing.
  if (put_at > now) return now;
  return put_at + (wrong ? Math.min(WRONG_MS * 4 ** (reports - 1), LOOK_MAX_MS) : Math.min(resealAfterMs * 2 ** looks, Math.max(resealAfterMs, LOOK_MAX_MS)));
}

export interface PlannedSegment {
  from_seq: number;
  to_seq: number;
  sha256: string;
  acked: boolean;
}

/** How far the archive reaches without a hole. `segments` ascending from the one after `archivedSeq`. */
export function decideArchived(archivedSeq: number, segments: readonly PlannedSegment[]): number {
  let reached = archivedSeq;
  for (const segment of segments) {
    if (!segment.acked || segment.from_seq !== reached + 1) break;
    reached = segment.to_seq;
  }
  return reached;
}

export interface HotRule {
  hot_events: number;
  hot_days: number;
}

/**
 * The last seq whose body may go: archived, and outside the hot window in count and in age.
 * @param lastCold the last seq older than the hot days
 */
export function decidePruneTo(archivedSeq: number, headSeq: number, lastCold: number, rule: HotRule): number {
  return Math.max(0, Math.min(archivedSeq, headSeq - rule.hot_events, lastCold));
}

/** ms before which an event counts as cold. */
export function coldBefore(rule: HotRule, now: number): number {
  return now - rule.hot_days * 86_400_000;
}
