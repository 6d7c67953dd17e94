// How archivers divide the bucket, how much they hold at once, how often they look, and how fast they say they are.
import { describe, expect, test } from "vitest";
import { Budget } from "../../archiver/budget.ts";
import { pollWait } from "../../archiver/poll.ts";
import { Progress } from "../../archiver/progress.ts";
import { planShare, Share, shardOf, SHARDS, WHOLE } from "../../archiver/share.ts";

const keyOf = (shard: number) => `segments/${shard.toString(16).padStart(2, "0")}/g.1/1/1-2.ndjson.gz`;
const ALL = Array.from({ length: SHARDS }, (_, shard) => shard);
const names = (count: number) => Array.from({ length: count }, (_, i) => `archiver ${i}`);

describe("shares", () => {
  test("[B18] every key has one shard, also one that is no segment's", () => {
    for (const shard of ALL) expect(shardOf(keyOf(shard))).toBe(shard);
    expect(["", "segments/", "segments/0", "segments/7f-odd", "segments/7f/", "segments/80", "segments/readme", "z"].map(shardOf)).toEqual([0, 0, 0, 0x7e, 0x7f, 0x7f, 0xff, 0xff]);
  });

  test.each([1, 2, 3, 7])("[B18] each of 256 shards is one archiver's of %i, in about equal parts, whoever reckons", (count) => {
    const shares = names(count).map((me) => planShare(me, names(count).toReversed()));
    for (const shard of ALL) expect(shares.filter((share) => share.owns(keyOf(shard)))).toHaveLength(1);
    for (const share of shares) expect(share.shards).toBeGreaterThan((SHARDS / count) * 0.6);
  });

  test("[B18] when one ends, only its shards change hands; who is not in the list counts itself", () => {
    const [before, after] = [names(3).map((me) => planShare(me, names(3))), names(2).map((me) => planShare(me, names(2)))];
    for (const [i, share] of after.entries()) for (const shard of ALL) if (before[i]?.owns(keyOf(shard)) === true) expect(share.owns(keyOf(shard))).toBe(true);
    expect(planShare("archiver 2", names(2)).equals(planShare("archiver 2", names(3)))).toBe(true);
    expect(planShare("me", []).equals(WHOLE)).toBe(true);
    expect(before[0]?.equals(before[1] as Share)).toBe(false);
  });

  test("[B18] a listing goes on at the next shard of one's own", () => {
    const share = new Share(new Set([3, 4, 9]), 2);
    expect(share.from("")).toBe("segments/03");
    expect(share.from("segments/03")).toBe("segments/03");
    expect(share.from(keyOf(3))).toBe(keyOf(3));
    expect(share.from("segments/04/zzz")).toBe("segments/04/zzz");
    expect(share.from(keyOf(5))).toBe("segments/09");
    expect(share.from(keyOf(10))).toBeNull();
    expect(WHOLE.from("")).toBe("");
  });
});

describe("the budget", () => {
  test("[B18] no more bytes are in hand than it has, in the order of asking; what is larger goes alone", async () => {
    const budget = new Budget(100);
    const started: string[] = [];
    let most = 0;
    const gates = new Map<string, () => void>();
    const hold = (name: string, bytes: number) =>
      budget.hold(bytes, () => {
        started.push(name);
        most = Math.max(most, budget.used);
        return new Promise<void>((open) => gates.set(name, open));
      });
    const done = [hold("a", 60), hold("b", 30), hold("c", 500), hold("d", 5)];
    const end = async (name: string) => {
      gates.get(name)?.();
      await new Promise((resolve) => setImmediate(resolve));
    };
    expect(started).toEqual(["a", "b"]);
    await end("a");
    expect(started).toEqual(["a", "b"]);
    await end("b");
    expect(started).toEqual(["a", "b", "c"]);
    await end("c");
    await end("d");
    await Promise.all(done);
    expect(started).toEqual(["a", "b", "c", "d"]);
    expect([most, budget.used]).toEqual([100, 0]);
  });

  test("[B18] work that fails gives its bytes back", async () => {
    const budget = new Budget(10);
    await expect(budget.hold(10, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await expect(budget.hold(10, () => Promise.resolve("next"))).resolves.toBe("next");
  });
});

test("[B18] the wait between looks doubles while there is nothing, up to a maximum, and is never the same for two", () => {
  const limits = { pollMs: 1_000, pollMaxMs: 30_000 };
  expect([0, 1, 2, 3, 4, 5, 6, 1_000].map((idle) => pollWait(idle, limits, 0.5))).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  expect([0, 0.999].map((random) => pollWait(5, limits, random))).toEqual([22_500, 37_485]);
  expect(pollWait(3, { pollMs: 500, pollMaxMs: 50 }, 0.5)).toBe(500);
});

test("[B18] progress says the rate of the last minute, and from it the time that is left", () => {
  const progress = new Progress();
  expect(progress.pace(10, 0)).toEqual({ rows_per_s: 0, left_s: null });
  for (let at = 0; at <= 100_000; at += 100) progress.note(at < 50_000 ? 1_000 : 100, at);
  const { rows_per_s, left_s } = progress.pace(600, 100_000);
  // Ten segments a second: fifty seconds of a hundred rows each, and ten of a thousand.
  expect(rows_per_s).toBeGreaterThan(2_300);
  expect(rows_per_s).toBeLessThan(2_600);
  expect(left_s).toBeGreaterThanOrEqual(60);
  expect(left_s).toBeLessThanOrEqual(63);
  expect(progress.pace(0, 100_000).left_s).toBe(0);
  expect([progress.segments, progress.rows]).toEqual([1_001, 500 * 1_000 + 501 * 100]);
  progress.rest();
  expect(progress.pace(600, 100_000)).toEqual({ rows_per_s: 0, left_s: null });
});
