// The published arithmetic is that of the counted and measured figures, and not older.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { neededFor, priceOf, tables, WANTED } from "../../bench/scale/arithmetic.ts";

test("[A25 B19 C13 D17] docs/scale.md has the tables that the figures give", () => {
  const page = readFileSync(path.join(import.meta.dirname, "..", "..", "docs", "scale.md"), "utf8");
  expect(page).toContain(tables().join("\n"));
});

test("a price is rows, requests and duration; twenty units are a request", () => {
  const none = priceOf({ rows: 0, calls: 0, units: 0 });
  expect(priceOf({ rows: 3, calls: 2, units: 20 }).all - none.all).toBeCloseTo(3 + 3 * 0.15);
});

test("what is needed grows with messages and sockets", () => {
  const [first] = WANTED;
  if (first === undefined) throw new Error("nothing is wanted");
  const [once, twice] = [neededFor(first), neededFor({ ...first, messages_a_day: first.messages_a_day * 2, sockets: first.sockets * 3 })];
  expect([twice.cores / once.cores, twice.socket_gib / once.socket_gib]).toEqual([expect.closeTo(2), expect.closeTo(3)]);
});
