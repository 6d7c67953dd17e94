// The conversation's logical clock, in microseconds: never back, never still.

/**
 * @param last the clock of the newest event, 0 before the first
 * @param nowMs wall clock in ms; may jump in either direction
 */
export function nextClock(last: number, nowMs: number): number {
  return Math.max(nowMs * 1_000, last + 1);
}
