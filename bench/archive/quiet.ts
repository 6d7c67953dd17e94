// Waits until the machine has little else to do: a rate beside other work says more of that than of the archive.
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

const SAMPLE_MS = 250;
const SAMPLES = 20;
const WITHIN_MS = 1_800_000;

/** Processes that run or want to, this one among them. Linux. */
function running(): number {
  return Number(/ (\d+)\/\d+ /.exec(readFileSync("/proc/loadavg", "utf8"))?.[1] ?? 0);
}

/** True once no more than `most` ran on average for five seconds; false after half an hour. */
export async function untilQuiet(most: number): Promise<boolean> {
  const deadline = performance.now() + WITHIN_MS;
  const seen: number[] = [];
  while (performance.now() < deadline) {
    seen.push(running());
    if (seen.length > SAMPLES) seen.shift();
    if (seen.length === SAMPLES && seen.reduce((sum, count) => sum + count, 0) / SAMPLES <= most) return true;
    await pause(SAMPLE_MS);
  }
  return false;
}
