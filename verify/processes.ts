// The processes of a local deployment: found by their pid files, and touched only where they are certainly its own.
import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export type Role = "start" | "edge" | "runtime" | "archiver";

const GONE_MS = 10_000;
const POLL_MS = 10;

/** The live process of a role, started with this data folder; null where there is none. */
export function processOf(dataDir: string, role: Role): number | null {
  const text = readText(path.join(dataDir, "run", `${role}.pid`));
  const pid = Number(text?.trim());
  if (text === null || !Number.isSafeInteger(pid) || pid <= 1) return null;
  // A pid is given again: only the folder in its environment makes it ours.
  const environment = readText(`/proc/${pid}/environ`);
  return environment?.split("\0").includes(`DATA_DIR=${dataDir}`) === true ? pid : null;
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It ended by itself in between.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Resolves when none of them is there any more, but for zombies without a thread: until then they have their files and ports. */
export async function untilGone(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + GONE_MS;
  while (pids.some(isAlive)) {
    if (performance.now() > deadline) throw new Error(`processes do not end: ${pids.filter(isAlive).join(", ")}`);
    await delay(POLL_MS);
  }
}

function isAlive(pid: number): boolean {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === null) return false;
  // proc(5): behind the name in parentheses the state, and seventeen fields further the threads.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] !== "X" && !(fields[0] === "Z" && Number(fields[17]) <= 1);
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    // ESRCH: the process went while /proc was read. EACCES: it is somebody else's.
    if (error instanceof Error && "code" in error && ["ENOENT", "ESRCH", "EACCES"].includes(String(error.code))) return null;
    throw error;
  }
}
