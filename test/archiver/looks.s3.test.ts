// How often the archiver looks at the bucket, counted in listings; and how much of it it holds at once.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { Archiver } from "../../archiver/loop.ts";
import { ALONE } from "../../archiver/membership.ts";
import { newMetrics } from "../../archiver/metrics.ts";
import type { SegmentBucket } from "../../archiver/s3.ts";
import { segmentKey } from "../../protocol/segment.ts";
import { size } from "../sizes.ts";
import { conversationId, run, segment, text } from "./segments.ts";
import { type Around, metric, RETENTION_S, World } from "./world.ts";

const AT = Date.UTC(2026, 10, 20, 12);

beforeEach(() => {
  for (const method of ["log", "error"] as const) vi.spyOn(console, method).mockImplementation(() => undefined);
});
afterAll(() => vi.restoreAllMocks());

test("[B18] looks at an idle bucket get rarer, one listing each; work brings the quick ones back", async () => {
  const world = await World.make();
  const stop = new AbortController();
  const { archiver, metrics } = world.archiver({ signal: stop.signal, pollMs: 20, pollMaxMs: 100_000, random: () => 0.5 });
  const calls = () => metric(metrics, "listCalls");
  const started = performance.now();
  const ended = archiver.run();
  await expect.poll(calls, { timeout: 30_000, interval: 5 }).toBe(7);
  // 20, 40, … 640 ms lie between seven looks.
  expect(performance.now() - started).toBeGreaterThan(20 + 40 + 80 + 160 + 320 + 640);
  await world.put(segment(run([text("work")], { conversation: conversationId("looks"), at: AT })));
  await expect.poll(() => metric(metrics, "archived"), { timeout: 30_000, interval: 5 }).toBe(1);
  const [worked, before] = [performance.now(), await calls()];
  await expect.poll(calls, { timeout: 30_000, interval: 5 }).toBeGreaterThanOrEqual(before + 3);
  // Without work it would have been more than a second to the next look alone.
  expect(performance.now() - worked).toBeLessThan(1_000);
  stop.abort();
  await ended;
});

test("[B18] a long backlog is listed once, not with each pass", async () => {
  const world = await World.make();
  const total = 2_500;
  const pages: number[] = [];
  const bucket = fakeBucket(total, () => pages.push(1));
  const { archiver, metrics } = world.archiver({ bucket, pollMs: 3_600_000 });
  while (await archiver.pass());
  // Three pages to go through it, one more where a pass ended, and three of the count.
  expect(pages.length).toBeLessThanOrEqual(7);
  expect(await metric(metrics, "listCalls")).toBe(pages.length);
});

/** A listing of conversations with a segment each, all of which somebody else has archived meanwhile. */
function fakeBucket(total: number, onPage: () => void = () => undefined): SegmentBucket {
  const keyAt = (n: number) => segmentKey(Math.floor((n / total) * 256).toString(16).padStart(2, "0"), `g.${String(n).padStart(12, "0")}`, 1, 1, 256);
  return {
    list: () => { throw new Error("not listed whole"); },
    page: async (after) => {
      onPage();
      const from = Number(/g\.(\d+)/.exec(after)?.[1] ?? -1) + 1;
      const length = Math.min(1_000, total - from);
      return { objects: Array.from({ length }, (_, i) => ({ key: keyAt(from + i), size: 30_000, etag: "", modified_at: AT })), more: from + length < total };
    },
    read: async () => null,
    put: () => Promise.reject(new Error("nothing to put")),
    delete: () => Promise.reject(new Error("nothing to delete")),
    close: () => undefined,
  };
}

test("[B18] memory does not grow with the backlog", async () => {
  const total = size("waiting segments", 300_000, 3_000_000);
  const world = await World.make();
  const { store } = world.archiver();
  let most = 0;
  let passes = 0;
  let before = 0;
  const metrics = newMetrics();
  const archiver = new Archiver({
    bucket: fakeBucket(total), store, edge: { ack: () => Promise.reject(new Error("nothing to acknowledge")), wrong: () => Promise.resolve(false) } as never,
    metrics, sharing: ALONE, retentionS: RETENTION_S, pollMs: 3_600_000, pollMaxMs: 3_600_000, now: Date.now, random: Math.random,
  }, new AbortController().signal);
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let more = true; more;) {
    more = await archiver.pass();
    passes += 1;
    if (passes % 10 === 0) {
      collect();
      before ||= process.memoryUsage().heapUsed;
      most = Math.max(most, process.memoryUsage().heapUsed);
    }
  }
  expect(passes).toBe(Math.ceil(total / 2_000));
  expect(await metric(metrics, "backlogSegments")).toBe(0);
  // A key alone takes more.
  expect((most - before) / total).toBeLessThan(30);
});

test("[B18] of large segments no more are unpacked at once than 64 MiB, whatever the number of conversations", async () => {
  const world = await World.make();
  const large = Array.from({ length: 4 }, (_, i) => segment(run(Array.from({ length: 400 }, () => text("x".repeat(64 * 1_024))), { conversation: conversationId(`large ${i}`), at: AT })));
  await world.put(...large);
  let [now, most, left] = [0, 0, large.length];
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const around: Around = async (effect, work) => {
    if (effect === "store.epochs") most = Math.max(most, (now += 1));
    if (effect === "bucket.delete") [now, left] = [now - 1, left - 1];
    // All that may are in hand before the first goes on.
    if (effect === "store.readBack") {
      while (now < Math.min(2, left)) await turn();
      for (let i = 0; i < 50; i += 1) await turn();
    }
    return work();
  };
  const { archiver } = world.archiver({ around });
  await archiver.pass();
  expect(await world.bucket.keys()).toEqual([]);
  // Each is 26 MB.
  expect(most).toBe(2);
});
