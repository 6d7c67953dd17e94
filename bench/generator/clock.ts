// One clock for all processes of this machine, so that what one sends another can time.

/** `performance.now()` counts the kernel's monotonic clock too, from when its process began. */
const BEGAN = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** ms */
export function now(): number {
  return BEGAN + performance.now();
}
