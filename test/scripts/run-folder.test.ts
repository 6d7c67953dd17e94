// Where a run of the tests keeps its files.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { makeRunFolder, memoryDisk } from "../../scripts/test/servers.ts";

const disk = mkdtempSync(path.join(tmpdir(), "confab-disk-"));
afterAll(() => rmSync(disk, { recursive: true }));

test("unit tests write into memory where there is a disk in it with room, and else where they always do", () => {
  expect(memoryDisk(disk, 1)).toBe(path.join(disk, "confab-test"));
  expect(memoryDisk(disk, Number.MAX_SAFE_INTEGER)).toBeNull();
  expect(memoryDisk(path.join(disk, "none"), 1)).toBeNull();
});

test("a run's folder is its own; those of runs that are no more are removed", () => {
  const parent = path.join(disk, "runs");
  const mine = makeRunFolder(parent);
  const dead = path.join(parent, "999999999-1-abc");
  mkdirSync(dead);
  const other = makeRunFolder(parent);
  expect([existsSync(mine), existsSync(dead), existsSync(other), mine === other]).toEqual([true, false, true, false]);
});
