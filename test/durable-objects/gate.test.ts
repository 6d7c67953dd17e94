import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Gate } from "../../durable-objects/platform/gate.ts";

const SLOW_MS = 25;
const rule = { fanout_width: 2, deliver_timeout_ms: 100 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A call that starts when it is let through and ends when the test says so. */
function call(gate: Gate) {
  const ended = Promise.withResolvers<string>();
  const seen = { started: false, outcome: null as string | null, end: ended.resolve, break: ended.reject };
  gate.through(() => {
    seen.started = true;
    return ended.promise;
  }).then((value) => (seen.outcome = value), (error: Error) => (seen.outcome = error.message));
  return seen;
}

test("only so many calls go through at once, the others in their order", async () => {
  const gate = new Gate(() => rule, SLOW_MS);
  const calls = [call(gate), call(gate), call(gate), call(gate)];
  expect(calls.map(({ started }) => started)).toEqual([true, true, false, false]);
  calls[1]?.end("done");
  await vi.advanceTimersByTimeAsync(0);
  expect(calls.map(({ started }) => started)).toEqual([true, true, true, false]);
  calls[0]?.break(new Error("lost"));
  await vi.advanceTimersByTimeAsync(0);
  expect(calls.map(({ outcome }) => outcome)).toEqual(["lost", "done", null, null]);
  expect(calls[3]?.started).toBe(true);
});

test("a slow call gives its place back, and still has its outcome", async () => {
  const gate = new Gate(() => rule, SLOW_MS);
  const [slow, , waits] = [call(gate), call(gate), call(gate)];
  const round = vi.fn<() => void>();
  void gate.patiently(new Promise(() => undefined)).then(round);
  await vi.advanceTimersByTimeAsync(SLOW_MS - 1);
  expect([waits.started, round.mock.calls.length]).toEqual([false, 0]);
  await vi.advanceTimersByTimeAsync(SLOW_MS);
  expect([waits.started, round.mock.calls.length]).toEqual([true, 1]);
  slow.end("late but there");
  await vi.advanceTimersByTimeAsync(0);
  expect(slow.outcome).toBe("late but there");
});

test("a call that takes too long fails, and frees nothing twice", async () => {
  const gate = new Gate(() => rule, SLOW_MS);
  const [late, quick] = [call(gate), call(gate)];
  quick.end("done");
  await vi.advanceTimersByTimeAsync(rule.deliver_timeout_ms + 2 * SLOW_MS);
  expect([late.outcome, quick.outcome]).toEqual(["the delivery took too long", "done"]);
  late.end("nobody waits any more");
  await vi.advanceTimersByTimeAsync(0);
  const next = [call(gate), call(gate), call(gate)];
  expect(next.map(({ started }) => started)).toEqual([true, true, false]);
});

test("a call that began a moment ago is not slow, whatever the timer has seen", async () => {
  const gate = new Gate(() => rule, SLOW_MS);
  call(gate);
  await vi.advanceTimersByTimeAsync(SLOW_MS - 1);
  const [, waits] = [call(gate), call(gate)];
  await vi.advanceTimersByTimeAsync(1);
  const waitsToo = call(gate);
  expect([waits.started, waitsToo.started]).toEqual([true, false]);
});

test("there is one timer for all calls, and none without calls", async () => {
  const gate = new Gate(() => rule, SLOW_MS);
  const calls = [call(gate), call(gate)];
  expect(vi.getTimerCount()).toBe(1);
  for (const { end } of calls) end("done");
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(0);
});
