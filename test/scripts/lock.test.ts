// The lock between processes that install things.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { startIn, startTime, takeLock, withLock } from "../../scripts/bootstrap/lock.mjs";

const folder = mkdtempSync(path.join(tmpdir(), "confab-lock-"));
afterAll(() => rmSync(folder, { recursive: true }));
const lockFile = (name: string): string => path.join(folder, name);

/** Each process appends "in" and "out" around a moment of work; they may not interleave. */
const WORKER = `
  import { appendFileSync } from "node:fs";
  import { withLock } from ${JSON.stringify(new URL("../../scripts/bootstrap/lock.mjs", import.meta.url).href)};
  const [lock, log] = process.argv.slice(1);
  for (let round = 0; round < 5; round += 1) {
    await withLock(lock, () => {}, async () => {
      appendFileSync(log, "in ");
      await new Promise((resolve) => setImmediate(resolve));
      appendFileSync(log, "out ");
    });
  }`;

test("four processes take turns", async () => {
  const log = lockFile("turns.log");
  const children = Array.from({ length: 4 }, () => spawn(process.execPath, ["--input-type=module", "-e", WORKER, lockFile("turns"), log], { stdio: "inherit" }));
  const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0] as number));
  expect(codes).toEqual([0, 0, 0, 0]);
  expect(readFileSync(log, "utf8")).toBe("in out ".repeat(20));
});

test("a held lock is refused, a returned one is free", () => {
  const release = takeLock(lockFile("held"));
  expect(takeLock(lockFile("held"))).toBeNull();
  release?.();
  expect(takeLock(lockFile("held"))).not.toBeNull();
});

test("a dead holder's lock is taken over, also when its process id is somebody else's by now", () => {
  writeFileSync(lockFile("dead"), "999999999 1\n");
  expect(takeLock(lockFile("dead"))).not.toBeNull();
  writeFileSync(lockFile("reused"), `${process.pid} ${Number(startTime(process.pid)) - 1}\n`);
  expect(takeLock(lockFile("reused"))).not.toBeNull();
  expect(readdirSync(folder).filter((name) => name.endsWith(".guard"))).toEqual([]);
});

test.each([
  ["one that runs", "S", 11, "777"], ["one whose first thread has ended, and not the last", "Z", 2, "777"],
  ["one that nobody has collected", "Z", 1, ""], ["one that is collected just now", "X", 1, ""],
])("whether a process has ended, and let go of its files and ports: %s", (_name, state, threads, started) => {
  expect(startIn(`42 (a ) b) ${state} 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 ${threads} 0 777 9 10`)).toBe(started);
});

test("a child that outlives the killed holder keeps the lock", async () => {
  const child = spawn("sleep", ["60"]);
  const release = takeLock(lockFile("shared"));
  release?.();
  writeFileSync(lockFile("shared"), `999999999 1\n${child.pid} ${startTime(child.pid ?? 0)}\n`);
  expect(takeLock(lockFile("shared"))).toBeNull();
  child.kill();
  await once(child, "exit");
  expect(takeLock(lockFile("shared"))).not.toBeNull();
});

test("who waits is told for whom, and gets the result of its own work", async () => {
  const release = takeLock(lockFile("told"));
  const told: number[] = [];
  const waiting = withLock(lockFile("told"), (pid) => { told.push(pid); release?.(); }, () => Promise.resolve("done"));
  expect(await waiting).toBe("done");
  expect(told).toEqual([process.pid]);
});
