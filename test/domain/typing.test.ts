// How often typing is passed on.
import { expect, test } from "vitest";
import { decideShown, decideTyping, type LastTyping } from "../../domain/typing.ts";

/** Which of these are passed on; an odd one out is an `off`. */
function passed(steps: readonly (number | `${number} off`)[]): unknown[] {
  let last: LastTyping | null = null;
  return steps.filter((step) => {
    const on = typeof step === "number";
    const next = decideTyping(last, on, typeof step === "number" ? step : Number.parseInt(step, 10));
    last = next ?? last;
    return next !== null;
  });
}

test("[A16] typing is passed on every three seconds at most, however often it is sent, and over a long time no more often", () => {
  expect(passed([0, 1, 1_000, 2_700])).toEqual([0]);
  const often = Array.from({ length: 3_000 }, (_, i) => i * 100);
  expect(passed(often).length).toBeLessThanOrEqual(101);
  // A client that keeps the pace to the millisecond, over a network that does not.
  const paced = Array.from({ length: 50 }, (_, i) => i * 3_000 + (i % 2 === 0 ? 0 : -200));
  expect(passed(paced)).toEqual(paced);
});

test("[A16] that it has ended passes at once, and once", () => {
  expect(passed([0, "10 off", "20 off", 30, "40 off", 3_000, "3001 off"])).toEqual([0, "10 off", 3_000, "3001 off"]);
  expect(passed(["0 off"])).toEqual([]);
});

test("[A16] a clock that is set back silences nobody", () => {
  expect(passed([1_000_000, 10])).toEqual([1_000_000, 10]);
});

test("[A16] where many look, few are shown to type, and one always is", () => {
  const shows = (viewers: number, typists: number): number => {
    let budget = { since: 0, spent: 0 };
    let shown = 0;
    for (let i = 0; i < typists; i += 1) {
      const next = decideShown(budget, viewers, 500, 10);
      if (next === null) continue;
      budget = next;
      shown += 1;
    }
    expect(decideShown(budget, viewers, 500, 3_010)).toEqual({ since: 3_010, spent: viewers });
    return shown;
  };
  expect([shows(1, 300), shows(100, 300), shows(499, 300), shows(700, 300), shows(0, 9)]).toEqual([300, 5, 1, 1, 9]);
});
