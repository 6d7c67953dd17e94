// A lock between processes: a file that names its holders. When all of them are dead it is taken over.
import { appendFileSync, linkSync, mkdirSync, readFileSync, rmdirSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import path from "node:path";

const POLL_MS = 100;
/** Nobody needs the guard for longer than a few file operations; an older one's holder died in between. */
const GUARD_MS = 10_000;

/** `stat` is what proc(5) calls so: its fields stand behind the name in parentheses. */
export function startIn(stat) {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, threads, started] = [fields[0], fields[17], fields[19]];
  // Until its last thread has ended it holds its files and ports.
  return state === "X" || (state === "Z" && Number(threads) <= 1) ? "" : started;
}

/**
 * Start time of a process in clock ticks, so that a reused process id is told apart. "" where /proc is absent, and for
 * one that has ended, even if nobody has collected it yet.
 */
export function startTime(pid) {
  try {
    return startIn(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return "";
  }
}

/** Whether the process that `startTime` was noted for still runs. */
export function isAlive(pid, started) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== "EPERM") return false;
  }
  return startTime(pid) === started;
}

/** The living process that holds the lock, "dead" when none does, null when there is no lock. */
function holder(file) {
  let text;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
  for (const line of text.trim().split("\n")) {
    const [pid, started = ""] = line.split(" ");
    if (isAlive(Number(pid), started)) return Number(pid);
  }
  return "dead";
}

function nameOf(pid) {
  return `${pid} ${startTime(pid)}\n`;
}

/** True when this process holds the lock now. The file appears with its content, so nobody reads half a name. */
function tryTake(file) {
  const mine = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  writeFileSync(mine, nameOf(process.pid));
  try {
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    unlinkSync(mine);
  }
}

/** Removes a dead holder's lock. Only under the guard, or two could each remove what the other has just taken. */
function dropDead(file) {
  const guard = `${file}.guard`;
  try {
    mkdirSync(guard);
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    const age = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > GUARD_MS) rmdirSync(guard);
    return;
  }
  try {
    if (holder(file) === "dead") unlinkSync(file);
  } finally {
    rmdirSync(guard);
  }
}

/** Takes the lock or answers null at once; the function that is returned gives it back. */
export function takeLock(file) {
  mkdirSync(path.dirname(file), { recursive: true });
  if (tryTake(file)) return () => unlinkSync(file);
  if (holder(file) === "dead") dropDead(file);
  return tryTake(file) ? () => unlinkSync(file) : null;
}

/**
 * Runs `work(share)` while holding the lock `file`; calls `waiting(pid)` once if somebody else has it.
 * `share(pid)` makes a child a holder too: one that outlives a killed parent goes on with what the lock protects.
 */
export async function withLock(file, waiting, work) {
  let told = false;
  let release = takeLock(file);
  while (release === null) {
    const found = holder(file);
    if (!told && typeof found === "number") {
      waiting(found);
      told = true;
    }
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
    release = takeLock(file);
  }
  try {
    return await work((pid) => appendFileSync(file, nameOf(pid)));
  } finally {
    release();
  }
}
