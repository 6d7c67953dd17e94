// How long a client waits before it connects or asks again. Full jitter: uniform below a ceiling that doubles, so that
// all who lost one server at once come back spread out.

export interface BackoffPolicy {
  /** Ceiling of the first delay, ms. */
  base_ms: number;
  /** No ceiling is above this, ms. */
  cap_ms: number;
  /** A connection that lasted this long ends the series, ms. */
  stable_ms: number;
}

/**
 * For sockets. With a base under about 3 s, a tenth of a second would get more than 5 % of a thousand clients that were
 * cut off together [D6].
 */
export const RECONNECT: BackoffPolicy = { base_ms: 4_000, cap_ms: 30_000, stable_ms: 10_000 };

/** For one call that failed while the server as a whole answers. */
export const REPEAT: BackoffPolicy = { base_ms: 500, cap_ms: 30_000, stable_ms: 0 };

/**
 * The delay in ms.
 *
 * @param attempt failures in this series before this one, from 0
 * @param random in [0, 1)
 */
export function decideBackoff(attempt: number, random: number, policy: BackoffPolicy = RECONNECT): number {
  // The exponent is bounded: 2 ** 1024 is Infinity, and Infinity times 0 is no delay at all.
  const ceiling = Math.min(policy.cap_ms, policy.base_ms * 2 ** Math.min(attempt, 30));
  return Math.floor(random * ceiling);
}

/**
 * The `attempt` of the delay after a connection's end: a connection that was stable begins a new series.
 *
 * @param failures in the series so far
 * @param open_ms how long the connection was usable; 0 where it never was
 */
export function attemptAfter(failures: number, open_ms: number, policy: BackoffPolicy = RECONNECT): number {
  return open_ms > 0 && open_ms >= policy.stable_ms ? 0 : failures;
}
