// Runs a tool of the tests in the foreground, and ends it when the run is ended or when it hangs.
import { type ChildProcess, spawn } from "node:child_process";
import { constants, getPriority, setPriority } from "node:os";
import { tie } from "../services/tie.ts";

const KILL_AFTER_MS = 10_000;
const running = new Set<ChildProcess>();

/** Ends what still runs; for the run's own end by a signal. */
export function endChildren(): void {
  for (const child of running) child.kill("SIGTERM");
}

export interface ChildOptions {
  /** Straight to the terminal, which is what it does else, or all of it at the end: of several at once each is to be read by itself. */
  output?: "now" | "at the end";
  /** How far it stands back for others, it and all that it starts. */
  nice?: number;
}

/** The exit code, or why there is none. */
export async function runChild(command: string, args: string[], env: NodeJS.ProcessEnv, limitMs: number, { output = "now", nice = 0 }: ChildOptions = {}): Promise<number | string> {
  const stream = output === "now" ? "inherit" : "pipe";
  const child = spawn(command, args, { stdio: ["ignore", stream, stream], env });
  const held: Buffer[] = [];
  for (const pipe of [child.stdout, child.stderr]) pipe?.on("data", (chunk: Buffer) => held.push(chunk));
  if (child.pid !== undefined) {
    tie(child);
    setPriority(child.pid, Math.min(constants.priority.PRIORITY_LOW, getPriority() + nice));
  }
  running.add(child);
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS).unref();
  }, limitMs);
  try {
    return await new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      // Not at its exit: what it printed may still be under way.
      child.once("close", (code, signal) => {
        if (late) resolve(`ended after ${limitMs / 1000} s`);
        else resolve(code ?? `ended by ${signal}`);
      });
    });
  } finally {
    process.stdout.write(Buffer.concat(held));
    clearTimeout(limit);
    running.delete(child);
  }
}
