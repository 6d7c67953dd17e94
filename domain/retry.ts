// How long to wait before doing again what failed inside the backend.

const STEPS_MS = [500, 1_000, 3_000, 10_000, 30_000, 90_000];

/** No delay is longer, ms. A retry that is further away was planned before the clock was set back, and is due. */
export const RETRY_MAX_MS = 112_500;

/**
 * @param attempts failures so far, at least 1
 * @param random in [0, 1)
 */
export function retryDelay(attempts: number, random: number): number {
  const step = STEPS_MS[Math.min(attempts, STEPS_MS.length) - 1] ?? 90_000;
  return Math.round(step * (0.75 + random * 0.5));
}
