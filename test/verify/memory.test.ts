// What a run keeps of a million messages: compact, and nothing of it wrong.
import { describe, expect, test } from "vitest";
import { Course } from "../../verify/course.ts";
import { Keys } from "../../verify/keys.ts";
import { Ranges } from "../../verify/ranges.ts";
import type { Shown } from "../../verify/journal.ts";

const EVENTS = 200_000;
/** Some tens of bytes an event: a million are far below a gigabyte. */
const BYTES = 60;

function event(seq: number): Shown {
  return { type: "msg", conversation_id: "g.1", epoch: 1, seq, msg_id: `id-${String(seq).padStart(9, "0")}`, sender_id: "ann", sent_at: seq, client_msg_id: `m${seq}`, msg_no: seq, content_type: "text" };
}

test("places, keys and views of many events take some tens of bytes each", () => {
  const before = process.memoryUsage();
  const [course, keys, ranges] = [new Course("group1", "g.1"), new Keys(), new Ranges()];
  for (let seq = 1; seq <= EVENTS; seq += 1) {
    course.note(event(seq));
    keys.remember("ann", `m${seq}`, { label: "group1", seq });
    ranges.add(seq);
  }
  const after = process.memoryUsage();
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(EVENTS * BYTES);
  expect(ranges.list()).toEqual([[1, EVENTS]]);
  expect(keys.find("ann", "m777")).toEqual({ label: "group1", seq: 777 });
  expect(keys.find("bob", "m777")).toBeNull();
  expect(keys.find("ann", `m${EVENTS + 1}`)).toBeNull();
  expect(course.note(event(777))).toBe(true);
  expect(course.note({ ...event(777), msg_id: "another" })).toBe(false);
});

describe("ranges", () => {
  test("hold exactly what was added, in whatever order and how often", () => {
    const ranges = new Ranges();
    const added = [5, 1, 3, 2, 9, 8, 5, 4, 12];
    const fresh = added.map((value) => ranges.add(value));
    expect(fresh).toEqual([true, true, true, true, true, true, false, true, true]);
    expect(ranges.list()).toEqual([[1, 5], [8, 9], [12, 12]]);
    expect([ranges.reach(1), ranges.reach(6), ranges.reach(8)]).toEqual([5, 5, 9]);
    expect([ranges.has(4), ranges.has(6)]).toEqual([true, false]);
  });
});
