import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Slot } from "../../client/client.ts";
import { hidesOlder, MOST, newer, newest, older, slice, STEP, trimmed, type Window } from "../../web/window.ts";

/** A run with holes: places that this member may not see. */
const run = (seqs: Iterable<number>) => [...seqs].map((seq) => ({ type: "skip", conversation_id: "d.0", epoch: 1, seq }) satisfies Slot);
const dense = (count: number) => run(Array.from({ length: count }, (_, i) => i + 1));

describe("the part of a conversation that stands in the page", () => {
  test("begins with the newest, and follows what comes", () => {
    const window = newest(dense(500));
    expect(window).toEqual({ first: 441, last: null });
    expect(slice(dense(503), window)).toHaveLength(STEP + 3);
    expect(newest([])).toEqual({ first: 0, last: null });
  });

  test("any steps on any run: never more than the most, always one piece, and both ends can be reached", () => {
    const step = fc.constantFrom(older, newer);
    const seqs = fc.uniqueArray(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 900 }).map((list) => run(list.sort((a, b) => a - b)));
    fc.assert(fc.property(seqs, fc.array(step, { maxLength: 40 }), (all, steps) => {
      let window: Window = newest(all);
      for (const move of steps) {
        window = move(all, window);
        const shown = slice(all, window);
        expect(shown.length).toBeGreaterThan(0);
        expect(shown.length).toBeLessThanOrEqual(MOST);
        const start = all.indexOf(shown[0] as Slot & { type: "skip" });
        expect(shown).toEqual(all.slice(start, start + shown.length));
        expect(window.last === null).toBe(shown.at(-1) === all.at(-1));
      }
      while (hidesOlder(all, window)) window = older(all, window);
      expect(slice(all, window)[0]).toBe(all[0]);
      while (window.last !== null) window = newer(all, window);
      expect(slice(all, window).at(-1)).toBe(all.at(-1));
    }), { numRuns: 200 });
  });

  test("a reader of the newest keeps a bounded page while thousands come", () => {
    let window = newest(dense(10));
    for (let count = 10; count < 2_000; count += 7) {
      window = trimmed(dense(count), window);
      expect(slice(dense(count), window).length).toBeLessThanOrEqual(MOST);
      expect(window.last).toBeNull();
    }
  });
});
