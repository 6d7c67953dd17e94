// The bench as its user runs it: what it printed, and what it wrote as JSON.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, onTestFinished } from "vitest";
import type { Outcome } from "../../bench/figures.ts";
import type { Goal } from "../../bench/goals.ts";

interface Result {
  workloads: [Outcome];
  goals: Goal[];
}

const BENCH = path.resolve(import.meta.dirname, "../../bench/main.ts");
let folder: string;

/** Empty, and gone after the test. */
export function benchFolder(): string {
  return folder;
}

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "confab-bench-test-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What it printed, and what it wrote as JSON. Rejects with its output when it fails. */
export async function bench(...args: string[]): Promise<{ printed: string; result: Result }> {
  const json = path.join(folder, "bench.json");
  const running = promisify(execFile)(process.execPath, [BENCH, ...args, "--json", json]);
  onTestFinished(() => {
    running.child.kill();
  });
  const { stdout } = await running;
  return { printed: stdout, result: JSON.parse(readFileSync(json, "utf8")) as Result };
}

/** What a round of a load sees wherever the server is. */
export const LOAD = [
  "acks_per_s", "deliveries_per_s", "ack_p50", "ack_p99", "ack_max", "delivery_p50", "delivery_p99", "delivery_max",
  "bytes", "generator_cpu", "generator_share", "load_average",
];
