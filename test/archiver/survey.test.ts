// What a pass takes in hand of a listing, and what the shelf keeps from it.
import { describe, expect, test } from "vitest";
import { WrongSegment } from "../../archiver/checked-segment.ts";
import { AckRefused } from "../../archiver/edge.ts";
import type { ListedObject, SegmentBucket } from "../../archiver/s3.ts";
import { Shelf, SHELF_MAX } from "../../archiver/shelf.ts";
import { planShare, WHOLE } from "../../archiver/share.ts";
import { countSegments, PASS_SEGMENTS, surveySegments, type Survey } from "../../archiver/survey.ts";
import { segmentKey } from "../../protocol/segment.ts";

const object = (key: string, more: Partial<ListedObject> = {}): ListedObject => ({ key, size: 10, etag: `"${key}"`, modified_at: 1_000, ...more });
const key = (conversation: string, from: number, epoch = 1) => segmentKey("ab", conversation, epoch, from, from + 9);

const PAGE = 3;

/** A listing in the order of keys, in pages of three, and how often it was asked. */
function listing(objects: readonly ListedObject[], size = PAGE): { bucket: Pick<SegmentBucket, "page">; asked: string[] } {
  const sorted = objects.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const asked: string[] = [];
  return {
    asked,
    bucket: {
      page: async (after) => {
        asked.push(after);
        const rest = sorted.slice(sorted.findLastIndex((found) => found.key <= after) + 1);
        return { objects: rest.slice(0, size), more: rest.length > size };
      },
    },
  };
}

const toolsOf = (bucket: Pick<SegmentBucket, "page">, { shelf = new Shelf(), share = WHOLE } = {}) => ({ bucket, shelf, share, onPage: () => undefined });
const survey = (objects: readonly ListedObject[], shelf = new Shelf(), now = 0) => surveySegments(toolsOf(listing(objects).bucket, { shelf }), "", now);
const keysOf = (groups: ListedObject[][]) => groups.map((group) => group.map((found) => found.key));

test("[B18] a survey groups by conversation, orders by epoch and seq, and counts all", async () => {
  const found = await survey([
    object(key("a", 101), { modified_at: 500 }), object(key("a", 11)), object(key("a", 1, 2)), object(key("a", 1, 10)), object(key("b", 1)), object("segments/readme"),
  ]);
  expect(keysOf(found.groups)).toEqual([[key("a", 11), key("a", 101), key("a", 1, 2), key("a", 1, 10)], [key("b", 1)], ["segments/readme"]]);
  expect(found).toMatchObject({ segments: 6, bytes: 60, oldest_at: 500, next: null, cut: false });
});

test("[B18] an empty bucket has no work and no oldest, and costs one call", async () => {
  const { bucket, asked } = listing([]);
  expect(await surveySegments(toolsOf(bucket), "", 0)).toMatchObject({ segments: 0, bytes: 0, oldest_at: null, groups: [], next: null });
  expect(asked).toHaveLength(1);
});

test("[B18] passes go through a long backlog a stretch at a time, whole conversations, each listed once", async () => {
  const conversations = Array.from({ length: 130 }, (_, c) => `c${String(c).padStart(3, "0")}`);
  const many = conversations.flatMap((name) => Array.from({ length: 100 }, (_, i) => object(key(name, i * 10 + 1))));
  const { bucket, asked } = listing(many, 1_000);
  const seen: string[] = [];
  for (let after: string | null = ""; after !== null;) {
    const found: Survey = await surveySegments(toolsOf(bucket), after, 0);
    expect(found.groups.flat().length).toBeLessThanOrEqual(PASS_SEGMENTS);
    for (const group of found.groups) expect(group).toHaveLength(100);
    seen.push(...found.groups.flat().map((taken) => taken.key));
    after = found.next;
  }
  expect(seen.toSorted()).toEqual(many.map((known) => known.key).toSorted());
  // Thirteen pages, and the page in which each of six stretches ends again.
  expect(asked.length).toBeLessThanOrEqual(13 + 6);
});

test("[B18] of a conversation that alone is more than a pass takes, the lowest go first", async () => {
  const found = await surveySegments(toolsOf(listing(Array.from({ length: 7_000 }, (_, i) => object(key("long", i * 10 + 1))), 1_000).bucket), "", 0);
  expect(found.groups.map((group) => group.length)).toEqual([PASS_SEGMENTS]);
  expect(found.groups[0]?.at(-1)?.key).toBe(key("long", (PASS_SEGMENTS - 1) * 10 + 1));
  expect(found.cut).toBe(true);
});

test("[B18] a backlog of a million segments is held a stretch at a time: memory does not grow with it", async () => {
  const pages = 1_000;
  const shards = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
  // A listing that exists only as it is read: four pages a shard, less in the last.
  const keyAt = (n: number) => segmentKey(shards[Math.floor(n / 4_000)] as string, `g.${String(n).padStart(12, "0")}`, 1, 1, 256);
  const numberOf = (after: string) => Number(/g\.(\d+)/.exec(after)?.[1] ?? -1);
  let most = 0;
  const bucket: Pick<SegmentBucket, "page"> = {
    page: async (after) => {
      const from = numberOf(after) + 1;
      return { objects: Array.from({ length: 1_000 }, (_, i) => object(keyAt(from + i))), more: from + 1_000 < pages * 1_000 };
    },
  };
  let [calls, segments] = [0, 0];
  const tools = { ...toolsOf(bucket), onPage: () => void (calls += 1) };
  for (let after: string | null = ""; after !== null;) {
    const found: Survey = await surveySegments(tools, after, 0);
    most = Math.max(most, found.groups.flat().length + found.kept.size);
    segments += found.segments;
    after = found.next;
  }
  expect(segments).toBe(pages * 1_000);
  expect(most).toBeLessThanOrEqual(PASS_SEGMENTS);
  // Each stretch of two pages looks into a third.
  expect(calls).toBeLessThanOrEqual(pages * 1.5 + 1);
});

describe("an archiver's share", () => {
  const living = ["ann", "bob", "cyd"];
  const shard = (i: number) => i.toString(16).padStart(2, "0");
  const objects = Array.from({ length: 256 }, (_, i) => Array.from({ length: 20 }, (__, n) => object(segmentKey(shard(i), `g.${i}`, 1, n * 10 + 1, n * 10 + 10)))).flat();

  test("[B18] the shares of all are the whole bucket, each key in one of them", async () => {
    const seen: string[] = [];
    for (const me of living) {
      const found = await surveySegments(toolsOf(listing([...objects, object("segments/0"), object("segments/7f-odd"), object("segments/readme")], 1_000).bucket, { share: planShare(me, living) }), "", 0);
      seen.push(...found.groups.flat().map((taken) => taken.key));
    }
    expect(seen).toHaveLength(objects.length + 3);
    expect(new Set(seen).size).toBe(objects.length + 3);
  });

  test("[B18] in a long listing each lists its own shards, not the others'; in a short one a single call is enough", async () => {
    const share = planShare("ann", living);
    const long = listing(objects, 10);
    const counted = await countSegments(toolsOf(long.bucket, { share }));
    expect(counted.segments).toBe(share.shards * 20);
    // Two pages a shard, and one more where the last one runs over into what is others'.
    expect(long.asked.length).toBeLessThanOrEqual(share.shards * 3);
    expect(long.asked.length).toBeLessThan(512 * 0.6);
    const short = listing(objects.slice(0, 100), 1_000);
    await countSegments(toolsOf(short.bucket, { share }));
    expect(short.asked).toHaveLength(1);
  });
});

describe("the shelf", () => {
  const wrong = new WrongSegment("sha256", "wrong");
  const hour = 3_600_000;

  test("[B18] a wrong segment rests for about an hour, and one that is not ready for a moment", () => {
    const shelf = new Shelf();
    shelf.keep(object("wrong"), wrong, 0, 0.5);
    shelf.keep(object("refused"), new AckRefused(409, ""), 0, 0.5);
    shelf.keep(object("busy"), new AckRefused(503, ""), 0, 0.5);
    const due = (now: number) => ["wrong", "refused", "busy", "other"].filter((name) => shelf.isDue(object(name), now));
    expect(due(0)).toEqual(["other"]);
    expect(due(1_000)).toEqual(["busy", "other"]);
    expect(due(hour - 1)).toEqual(["busy", "other"]);
    expect(due(hour)).toEqual(["wrong", "refused", "busy", "other"]);
    expect(shelf.counts()).toEqual({ quarantined: 1, refused: 2 });
  });

  test("[B18] a conversation that stays away is asked ever less often, by chance a little earlier or later", () => {
    const shelf = new Shelf();
    const waits = [0.5, 0.5, 0.5, 0.5, 0, 0.999].map((random) => {
      shelf.keep(object("busy"), new AckRefused(503, ""), 0, random);
      return Array.from({ length: 1_200 }, (_, i) => i * 100).find((now) => shelf.isDue(object("busy"), now));
    });
    expect(waits).toEqual([500, 1_000, 3_000, 10_000, 22_500, 112_500]);
  });

  test("[B18] what is another object, or no longer in the bucket, is forgotten", async () => {
    const shelf = new Shelf();
    for (const name of ["a", "b"]) shelf.keep(object(name), wrong, 0, 0);
    expect(shelf.isDue(object("a", { etag: "another" }), 0)).toBe(true);
    expect(shelf.isDue(object("a", { modified_at: 2_000 }), 0)).toBe(true);
    const found = await survey([object("a"), object("c")], shelf);
    shelf.retain(found.kept);
    expect(keysOf(found.groups)).toEqual([["c"]]);
    expect(shelf.counts()).toEqual({ quarantined: 1, refused: 0 });
    expect(shelf.forget("a")).toBe(true);
    expect(shelf.forget("a")).toBe(false);
  });

  test("[B18] it remembers a bounded number: the oldest are tried again first", () => {
    const shelf = new Shelf();
    for (let i = 0; i < SHELF_MAX + 10; i += 1) shelf.keep(object(`k${i}`), wrong, 0, 0);
    expect(shelf.counts()).toEqual({ quarantined: SHELF_MAX, refused: 0 });
    expect([shelf.has("k9"), shelf.has("k10")]).toEqual([false, true]);
  });
});
