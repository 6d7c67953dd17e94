// A clock that is wrong: retention is counted with it, and what was just sent must not pass for expired.
import { expect, test } from "vitest";
import { checkClock } from "../../archiver/clock.ts";
import { readAll } from "../contracts/archive-store.ts";
import { conversationId, run, segment, text } from "./segments.ts";
import { metric, World } from "./world.ts";

const events = run(Array.from({ length: 5 }, (_, i) => text(`m${i}`)), { conversation: conversationId("clock"), at: Date.now() });
const YEARS_8 = 8 * 365 * 86_400_000;

test.each([["eight years ahead", YEARS_8], ["eight years behind", -YEARS_8]])("[C12] [C10] [B6] the archiver's clock is wrong, %s: it stores and acknowledges nothing, says so, and goes on once it is right", async (_how, skew) => {
  const world = await World.make();
  world.believesClock = false;
  await world.put(segment(events));
  world.now = () => Date.now() + skew;
  const stop = new AbortController();
  const { archiver, store, metrics } = world.archiver({ signal: stop.signal });
  const ended = archiver.run();
  await expect.poll(() => metric(metrics, "errors", { kind: "clock_wrong" }), { timeout: 20_000 }).toBeGreaterThanOrEqual(2);
  expect(world.edge.acks).toEqual([]);
  expect(await world.bucket.keys()).toEqual([segment(events).key]);
  expect(Math.abs((await metric(metrics, "clockSkew")) - skew / 1_000)).toBeLessThan(60);
  world.now = Date.now;
  await expect.poll(() => world.bucket.keys(), { timeout: 20_000 }).toEqual([]);
  expect(await readAll(store, events)).toEqual(events);
  expect(await metric(metrics, "rows", { outcome: "expired" })).toBe(0);
  stop.abort();
  await ended;
});

test("[C10] a few minutes, and a bucket that says no time, are believed", () => {
  expect(checkClock(1_000_000, null)).toBe(0);
  expect(checkClock(1_000_000, 1_299_000)).toBe(-299_000);
  expect(() => checkClock(1_000_000, 1_301_000)).toThrow("301 s behind the bucket's");
  expect(() => checkClock(1_301_000, 1_000_000)).toThrow("301 s ahead of the bucket's");
});
