// One start per data folder. Writes DATA_DIR/lock.sqlite and DATA_DIR/run/start.pid.
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { UsageError } from "./plan.ts";

const SQLITE_BUSY = 5;

/**
 * Makes the folder and holds it until this process ends; returns its real path. The lock is the operating system's
 * lock on a SQLite file, so it is gone with its holder, also after SIGKILL. Throws UsageError when another process
 * has it or when the folder can't be written.
 */
export function lockDataDir(dataDir: string): string {
  const real = makeFolder(dataDir);
  const note = path.join(real, "run", "start.pid");
  const database = new DatabaseSync(path.join(real, "lock.sqlite"));
  try {
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
  } catch (error) {
    if (!isBusy(error)) throw error;
    throw new UsageError(`DATA_DIR ${dataDir} is in use by another start${holder(note)}; stop it or choose another DATA_DIR`);
  }
  // Closing the database would end the lock, and so would the garbage collector.
  held.push(database);
  writeFileSync(note, `${process.pid}\n`);
  return real;
}

function makeFolder(dataDir: string): string {
  try {
    mkdirSync(path.join(dataDir, "run"), { recursive: true, mode: 0o700 });
    return realpathSync(dataDir);
  } catch (error) {
    throw new UsageError(`DATA_DIR ${dataDir} can't be used: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const held: DatabaseSync[] = [];

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY;
}

function holder(note: string): string {
  try {
    return ` (process ${readFileSync(note, "utf8").trim()})`;
  } catch {
    return "";
  }
}
