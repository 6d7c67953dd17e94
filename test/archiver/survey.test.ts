// What a pass takes in hand of a listing, and what the shelf keeps from it.
import { describe, expect, test } from "vitest";
import { WrongSegment } from "../../archiver/checked-segment.ts";
import { AckRefused } from "../../archiver/edge.ts";
import type { ListedObject, SegmentBucket } from "../../archiver/s3.ts";
import { Shelf } from "../../archiver/shelf.ts";
import { surveySegments } from "../../archiver/survey.ts";
import { segmentKey } from "../../protocol/segment.ts";

const object = (key: string, more: Partial<ListedObject> = {}): ListedObject => ({ key, size: 10, etag: `"${key}"`, modified_at: 1_000, ...more });
const key = (conversation: string, from: number, epoch = 1) => segmentKey("ab", conversation, epoch, from, from + 9);

/** A listing in the order of keys, in pages of three. */
function listing(objects: readonly ListedObject[]): SegmentBucket {
  const sorted = objects.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return {
    async *list() {
      for (let i = 0; i === 0 || i < sorted.length; i += 3) yield sorted.slice(i, i + 3);
    },
    read: () => Promise.reject(new Error("not read here")),
    delete: () => Promise.reject(new Error("not deleted here")),
    close: () => undefined,
  };
}

const keysOf = (groups: ListedObject[][]) => groups.map((group) => group.map((found) => found.key));

test("[B18] a survey groups by conversation, orders by epoch and seq, and counts all", async () => {
  const found = await surveySegments(listing([
    object(key("a", 101), { modified_at: 500 }), object(key("a", 11)), object(key("a", 1, 2)), object(key("a", 1, 10)), object(key("b", 1)), object("segments/readme"),
  ]), new Shelf(), 9_000);
  expect(keysOf(found.groups)).toEqual([[key("a", 11), key("a", 101), key("a", 1, 2), key("a", 1, 10)], [key("b", 1)], ["segments/readme"]]);
  expect(found).toMatchObject({ segments: 6, bytes: 60, oldest_at: 500, more: false, pages: 2 });
});

test("[B18] an empty bucket has no work and no oldest", async () => {
  expect(await surveySegments(listing([]), new Shelf(), 0)).toEqual({ segments: 0, bytes: 0, oldest_at: null, groups: [], more: false, pages: 1 });
});

test("[B18] one pass takes ten thousand segments of a long backlog, whole conversations, and says that there is more", async () => {
  const many = Array.from({ length: 120 }, (_, c) => Array.from({ length: 100 }, (__, i) => object(key(`c${c}`, i * 10 + 1)))).flat();
  const found = await surveySegments(listing(many), new Shelf(), 0);
  expect(found).toMatchObject({ segments: 12_000, bytes: 120_000, more: true });
  expect(found.groups).toHaveLength(100);
  const one = await surveySegments(listing(Array.from({ length: 32_000 }, (_, i) => object(key("long", i * 10 + 1)))), new Shelf(), 0);
  expect(one.groups.map((group) => group.length)).toEqual([10_000]);
  expect(one.groups[0]?.at(-1)?.key).toBe(key("long", 99_991));
  expect(one.more).toBe(true);
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
    const found = await surveySegments(listing([object("a"), object("c")]), shelf, 0);
    expect(keysOf(found.groups)).toEqual([["c"]]);
    expect(shelf.counts()).toEqual({ quarantined: 1, refused: 0 });
    expect(shelf.forget("a")).toBe(true);
    expect(shelf.forget("a")).toBe(false);
  });
});
