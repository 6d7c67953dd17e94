// Runs the tools that installations need: quiet while they work, loud when they fail.
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import path from "node:path";
import { progress } from "../bootstrap/progress.mjs";

/** The first executable of that name on PATH, or null. */
export function findOnPath(name: string): string | null {
  for (const folder of (process.env["PATH"] ?? "").split(path.delimiter)) {
    const candidate = path.join(folder, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not in this folder: most are not.
    }
  }
  return null;
}

/** What a short command prints (stdout and stderr together), or null when it is absent or fails. */
export function answerOf(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): string | null {
  const run = spawnSync(command, args, { encoding: "utf8", env, timeout: 30_000 });
  return run.status === 0 ? run.stdout + run.stderr : null;
}

export type Step = { label: string; done: string; command: string; args: string[]; env?: NodeJS.ProcessEnv };

/** Runs a long command with progress lines. Throws with the end of its output when it fails. */
export async function runStep(step: Step): Promise<void> {
  const finish = progress(step.label);
  const output: Buffer[] = [];
  const child = spawn(step.command, step.args, { env: { ...process.env, ...step.env }, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
  const end = await new Promise<string | number | null>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(code ?? signal));
  });
  if (end === 0) return finish(step.done);
  finish(`failed: ${step.label}`);
  const tail = Buffer.concat(output).toString().trim().split("\n").slice(-15).join("\n");
  throw new Error(`${path.basename(step.command)} failed (${end})${tail === "" ? "" : `:\n${tail}`}`);
}
