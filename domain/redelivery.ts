// When a live member gets again what they have not acknowledged.

/** ms since the push. */
const AGAIN_MS = [3_000, 10_000, 30_000, 90_000];

/** No redelivery is further away than this, ms: one that is was planned before the clock was set back, and is due. */
export const AGAIN_MAX_MS = 90_000;

/** ms from one redelivery to the next, or from the push to the first; null after the last one. */
export function againAfter(attempts: number): number | null {
  const next = AGAIN_MS[attempts];
  return next === undefined ? null : next - (AGAIN_MS[attempts - 1] ?? 0);
}
