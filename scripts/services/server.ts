// Starts a server process that ends with this one, unless it is to be kept; remembers it in its data folder.
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { isAlive, startTime } from "../bootstrap/lock.mjs";
import { isFree } from "../ports.ts";
import { tie } from "./tie.ts";

const POLL_MS = 50;
const GRACE_MS = 15_000;

export type ServerProcess = {
  pid: number;
  /** SIGTERM, and SIGKILL when that takes too long; resolves when the process is gone. */
  stop(): Promise<void>;
  /** Sends a signal, SIGKILL by default; SIGSTOP and SIGCONT suspend and resume. Resolves at once. */
  kill(name?: NodeJS.Signals): void;
};

export type Launch = {
  name: string;
  dataDir: string;
  host: string;
  port: number;
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  log: string;
  /** Whose rights it has; this process's when absent. */
  as?: { uid: number; gid: number };
  /** Keep it running after this process has ended. */
  keep?: boolean;
  readyWithinMs: number;
  isReady: () => Promise<boolean>;
};

export type ServerRecord = { pid: number; started: string; host: string; port: number };

function recordFile(dataDir: string): string {
  return path.join(dataDir, "server.json");
}

/** The server that lives on this data folder, or null. */
export function recordOf(dataDir: string): ServerRecord | null {
  const file = recordFile(dataDir);
  if (!existsSync(file)) return null;
  const record = JSON.parse(readFileSync(file, "utf8")) as ServerRecord;
  return isAlive(record.pid, record.started) ? record : null;
}

function signal(record: ServerRecord, name: NodeJS.Signals): void {
  if (!isAlive(record.pid, record.started)) return;
  try {
    process.kill(record.pid, name);
  } catch (error) {
    // It may end between the question and the signal.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Ends the server that lives on this data folder, if there is one. Resolves when it is gone. */
export async function endServer(dataDir: string): Promise<void> {
  const record = recordOf(dataDir);
  if (record === null) return;
  signal(record, "SIGTERM");
  // A suspended process would not see the signal before it is resumed.
  signal(record, "SIGCONT");
  const deadline = Date.now() + GRACE_MS;
  while (isAlive(record.pid, record.started)) {
    if (Date.now() > deadline) signal(record, "SIGKILL");
    await pause(POLL_MS);
  }
  rmSync(recordFile(dataDir), { force: true });
}

function lastLines(file: string): string {
  return readFileSync(file, "utf8").trim().split("\n").slice(-12).join("\n");
}

function writeRecord(dataDir: string, record: ServerRecord): void {
  const fresh = `${recordFile(dataDir)}.new`;
  writeFileSync(fresh, JSON.stringify(record));
  renameSync(fresh, recordFile(dataDir));
}

/** Throws when the port is taken, and with the end of its log when the server exits or is not ready in time. */
export async function launch(options: Launch): Promise<ServerProcess> {
  const { name, dataDir, host, port, log } = options;
  mkdirSync(dataDir, { recursive: true });
  await endServer(dataDir);
  // Or whoever has the port would be taken for the new server.
  if (!(await isFree(port, host))) throw new Error(`${name} can't start: port ${port} of ${host} is taken`);
  const output = openSync(log, "w");
  const child = spawn(options.command, options.args, {
    detached: true, env: options.env ?? process.env, ...options.as, stdio: ["ignore", output, output],
  });
  closeSync(output);
  const pid = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("spawn", () => { if (child.pid !== undefined) resolve(child.pid); });
  });
  if (options.keep !== true) tie(child);
  child.unref();
  const record: ServerRecord = { pid, started: startTime(pid), host, port };
  writeRecord(dataDir, record);

  const deadline = Date.now() + options.readyWithinMs;
  while (!(await options.isReady())) {
    if (!isAlive(pid, record.started)) throw new Error(`${name} ended at its start:\n${lastLines(log)}`);
    if (Date.now() > deadline) {
      await endServer(dataDir);
      throw new Error(`${name} did not answer within ${options.readyWithinMs / 1000} s:\n${lastLines(log)}`);
    }
    await pause(POLL_MS);
  }
  return {
    pid,
    stop: () => endServer(dataDir),
    kill: (name = "SIGKILL") => signal(record, name),
  };
}
