// The conversation's logical clock, in microseconds: never back, never still.

/**
 * Between two events of a conversation at least. Their clocks are write times in the archive: what an operator makes of a row
 * (a hold, its release) is written a microsecond later than the row, and before any event that follows.
 */
export const EVENT_STEP_US = 16;

/**
 * @param last the clock of the newest event, 0 before the first
 * @param nowMs wall clock in ms; may jump in either direction
 */
export function nextClock(last: number, nowMs: number): number {
  return Math.max(nowMs * 1_000, last + EVENT_STEP_US);
}
