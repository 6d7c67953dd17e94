// Which segments of a conversation go through the archive together.
import fc from "fast-check";
import { expect, test } from "vitest";
import { runsOf } from "../../archiver/runs.ts";
import type { ListedObject } from "../../archiver/s3.ts";
import { segmentKey } from "../../protocol/segment.ts";

const object = (i: number, { epoch = 1, size = 1_000 } = {}): ListedObject =>
  ({ key: segmentKey("00", `g.${"a".repeat(32)}`, epoch, i * 10 + 1, i * 10 + 10), size, etag: String(i), modified_at: 0 });

test("[B18] what is in a run keeps its order, and is in no other", () => {
  const some = fc.array(fc.record({ size: fc.integer({ min: 1, max: 300 * 1_024 }), epoch: fc.integer({ min: 1, max: 2 }), apart: fc.boolean() }), { maxLength: 20 });
  fc.assert(fc.property(some, (given) => {
    const objects = given.map((one, i) => object(i, one));
    const apart = new Set(objects.filter((_, i) => given[i]?.apart).map(({ key }) => key));
    const runs = runsOf(objects, (key) => apart.has(key));
    expect(runs.flat()).toEqual(objects);
    for (const run of runs.filter(({ length }) => length > 1)) {
      expect(run.length).toBeLessThanOrEqual(4);
      expect(run.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(256 * 1_024);
      expect(new Set(run.map(({ key }) => key.split("/")[3])).size).toBe(1);
      expect(run.some(({ key }) => apart.has(key))).toBe(false);
    }
  }));
});

test("[B18] small segments go four at a time; an object that is no segment goes alone", () => {
  const objects = [...Array.from({ length: 6 }, (_, i) => object(i)), { ...object(7), key: "segments/readme" }, object(8)];
  expect(runsOf(objects, () => false).map(({ length }) => length)).toEqual([4, 2, 1, 1]);
});
