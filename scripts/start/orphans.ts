// Processes that an earlier start, or an edge that was killed, left behind. Reads DATA_DIR/run/*.pid and /proc.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

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
  const pid = findNoted(dataDir, role);
  if (pid !== null) {
    const started = startOf(pid);
    // SIGKILL loses nothing: what was acknowledged is committed, in the objects as in the archive.
    kill(pid);
    const deadline = Date.now() + GONE_MS;
    while (started !== null && startOf(pid) === started) {
      if (Date.now() > deadline) throw new Error(`the ${role} of an earlier start (process ${pid}) does not end`);
      await delay(POLL_MS);
    }
  }
  rmSync(pidFile(dataDir, role), { force: true });
  return pid;
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
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    return command.includes(COMMAND[role]) && environment.split("\0").includes(`DATA_DIR=${dataDir}`);
  } catch {
    return false;
  }
}

/**
 * When the process was started, in clock ticks; null when it is gone or a zombie. Only then its ports are free: it
 * loses its command line before it closes its sockets.
 */
export function startOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // proc(5): after the name in parentheses, the first field is the state and the twentieth the start.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? null : Number(fields[19]);
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
