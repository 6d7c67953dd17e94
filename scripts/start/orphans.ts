// Processes that an earlier start, or an edge that was killed, left behind. Reads DATA_DIR/run/*.pid and /proc.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isAlive, startTime } from "../bootstrap/lock.mjs";

export type Role = "edge" | "runtime" | "archiver";

/** What a process of that role has on its command line. */
const COMMAND: Readonly<Record<Role, string>> = {
  edge: "scripts/edge.ts",
  runtime: "workerd",
  archiver: "archiver/main.ts",
};
const GONE_MS = 5_000;
const POLL_MS = 10;

export function pidFile(dataDir: string, role: Role): string {
  return path.join(dataDir, "run", `${role}.pid`);
}

export function notePid(dataDir: string, role: Role, pid: number): void {
  writeFileSync(pidFile(dataDir, role), `${pid}\n`);
}

/** The live process that was noted for this data folder and role, or null. */
export function findNoted(dataDir: string, role: Role): number | null {
  const pid = readPid(pidFile(dataDir, role));
  return pid !== null && isOurs(pid, dataDir, role) ? pid : null;
}

/** Ends it at once, if it is there, and returns when it is gone. Returns its pid, or null. */
export async function endNoted(dataDir: string, role: Role): Promise<number | null> {
  const noted = readPid(pidFile(dataDir, role));
  const pid = findNoted(dataDir, role);
  if (pid !== null) {
    // SIGKILL loses nothing: what was acknowledged is committed, in the objects as in the archive.
    kill(pid);
    if (!(await isGone(pid, () => true))) throw new Error(`the ${role} of an earlier start (process ${pid}) does not end`);
  } else if (noted !== null) {
    // One that is about to end says no more whose it is, and still has its files and ports.
    await isGone(noted, () => commandOf(noted) === "");
  }
  rmSync(pidFile(dataDir, role), { force: true });
  return pid;
}

/** False where it is still there after a time; waits while `isEnding`. */
async function isGone(pid: number, isEnding: () => boolean): Promise<boolean> {
  const started = startTime(pid);
  const deadline = Date.now() + GONE_MS;
  while (started !== "" && isAlive(pid, started) && isEnding()) {
    if (Date.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

function readPid(file: string): number | null {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    return Number.isSafeInteger(pid) && pid > 1 ? pid : null;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

/**
 * A pid is reused, so the process must have the role's command and must have been started with this DATA_DIR.
 * Without /proc nobody can tell, and nothing is ever ended.
 */
function isOurs(pid: number, dataDir: string, role: Role): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    return commandOf(pid)?.includes(COMMAND[role]) === true && environment.split("\0").includes(`DATA_DIR=${dataDir}`);
  } catch {
    return false;
  }
}

/** "" from the moment that it begins to end; null where nobody can tell. */
function commandOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return null;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // It ended by itself in between.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
