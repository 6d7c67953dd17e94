// Runs verify as a person does: its own process, its exit code and what it prints.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { Result } from "../../verify/report.ts";

const MAIN = fileURLToPath(new URL("../../verify/main.ts", import.meta.url));

export interface Verified {
  code: number | null;
  /** What it tells people. */
  said: string;
  /** null where it could not be checked. */
  result: Result | null;
}

/** Runs at once: most of a run is waiting, but a start is not. */
const LANES = 3;
const waiting: (() => void)[] = [];
let running = 0;

/** @param args without --json, which is added */
export async function runVerify(args: readonly string[]): Promise<Verified> {
  if (running === LANES) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await runNow(args);
  } finally {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}

async function runNow(args: readonly string[]): Promise<Verified> {
  // What a failed run leaves behind for its reader is of no use after a test.
  const folder = mkdtempSync(path.join(tmpdir(), "confab-test-verify-"));
  try {
    const child = spawn(process.execPath, [MAIN, "--json", ...args], {
      env: { ...process.env, TMPDIR: folder }, stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const [out, said] = await Promise.all([text(child.stdout as NodeJS.ReadableStream), text(child.stderr as NodeJS.ReadableStream), once(child, "exit")]);
    return { code: child.exitCode, said, result: out === "" ? null : JSON.parse(out) as Result };
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
