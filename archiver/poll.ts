// How long to wait before the next look at the bucket, each a listing that R2 bills. Pure.

/**
 * @param idle looks in a row that found no work
 * @param random in [0, 1): archivers that started together do not look together
 */
export function pollWait(idle: number, { pollMs, pollMaxMs }: { pollMs: number; pollMaxMs: number }, random: number): number {
  const wait = Math.min(Math.max(pollMs, pollMaxMs), pollMs * 2 ** Math.min(idle, 30));
  return Math.round(wait * (0.75 + random * 0.5));
}
