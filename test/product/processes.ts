// The processes of a running product, found by the pid files in DATA_DIR/run.
import { setTimeout as delay } from "node:timers/promises";
import { startTime } from "../../scripts/bootstrap/lock.mjs";
import { findNoted } from "../../scripts/start/orphans.ts";

export type Pids = Readonly<Record<"start" | "edge" | "runtime" | "archiver", number | null>>;

const GONE_MS = 10_000;
const POLL_MS = 10;

/** null where no process of the product runs. `start`: its pid while it runs. */
export function runningPids(dataDir: string, start: number | null): Pids {
  return { start, edge: findNoted(dataDir, "edge"), runtime: findNoted(dataDir, "runtime"), archiver: findNoted(dataDir, "archiver") };
}

/** False for a zombie too, once its last thread has ended: it is dead, only not yet collected. */
export function isAlive(pid: number): boolean {
  return startTime(pid) !== "";
}

export async function untilGone(pids: readonly number[]): Promise<void> {
  const deadline = Date.now() + GONE_MS;
  for (;;) {
    const left = pids.filter(isAlive);
    if (left.length === 0) return;
    if (Date.now() > deadline) throw new Error(`processes are still there: ${left.join(", ")}`);
    await delay(POLL_MS);
  }
}
