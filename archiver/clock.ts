// Whether this machine's clock can be believed. Retention and TTLs are counted with it: an archiver that lives years ahead would
// take what was just sent for expired, and acknowledge it without storing it.

/** Further off than that it archives nothing. S3 itself refuses at three times as much. */
export const CLOCK_MS = 300_000;

/** This machine's clock differs from the bucket's: somebody has to set it. */
export class ClockWrong extends Error {
  readonly skew_ms: number;
  constructor(skewMs: number) {
    super(`this machine's clock is ${Math.abs(Math.round(skewMs / 1_000))} s ${skewMs > 0 ? "ahead of" : "behind"} the bucket's`);
    this.name = "ClockWrong";
    this.skew_ms = skewMs;
  }
}

/** @param bucketMs the bucket's time now; null: it has not said. @returns how far ahead this clock is, ms. Throws ClockWrong. */
export function checkClock(nowMs: number, bucketMs: number | null): number {
  const skew = bucketMs === null ? 0 : nowMs - bucketMs;
  if (Math.abs(skew) > CLOCK_MS) throw new ClockWrong(skew);
  return skew;
}
