// What the soak says of its samples: which rise it calls one, and what it notices of what a device is shown.
import { expect, test } from "vitest";
import { Journal } from "../../bench/soak/journal.ts";
import { planPhases } from "../../bench/soak/phases.ts";
import type { Round } from "../../bench/soak/samples.ts";
import { POINTS_NEEDED, trendOf } from "../../bench/soak/trend.ts";
import { failed, type Run, verdictOf } from "../../bench/soak/verdict.ts";
import { View } from "../../bench/soak/view.ts";

/** Noise that is the same each time, from -1 to 1. */
const noise = (i: number): number => Math.sin(i * 12.9898) * Math.cos(i * 78.233);

test("a trend is found in noise, and outliers do not make one", () => {
  const rising = Array.from({ length: 30 }, (_, i) => ({ at: i, value: 100 + 2 * i + 10 * noise(i) }));
  const found = trendOf(rising);
  expect(found?.slope).toBeCloseTo(2, 0);
  expect(found?.lowest).toBeGreaterThan(0);
  const flat = Array.from({ length: 30 }, (_, i) => ({ at: i, value: 100 + 10 * noise(i) + (i > 26 ? 1_000 : 0) }));
  expect(trendOf(flat)?.lowest).toBeLessThan(0);
  expect(trendOf(rising.slice(0, POINTS_NEEDED - 1))).toBeNull();
});

test("the phases follow on one another, and every round has its quiet time at its end", () => {
  for (const minutes of [0.1, 1, 55, 120]) {
    const phases = planPhases(minutes * 60_000);
    expect(phases.at(0)?.from_ms).toBe(0);
    expect(phases.at(-1)?.to_ms).toBeCloseTo(minutes * 60_000, 0);
    for (const [i, phase] of phases.slice(1).entries()) expect(phase.from_ms).toBe(phases[i]?.to_ms);
    expect(phases.filter(({ phase }) => phase === "quiet").map(({ round }) => round)).toEqual(Array.from({ length: phases.at(-1)?.round ?? 0 }, (_, i) => i + 1));
  }
});

const ROUND: Omit<Round, "round" | "at"> = {
  ack_p99: 20, delivery_p99: 30, others_cores: 0, runtime_rss_mb: 500, archiver_rss_mb: 100, quiet_s: 40, awake_most: 1_000, awake_at_rest: 10, descriptors_at_rest: 2_000,
};
const FOUND = { conversations: 1, events: 10, acked: 9, views: 2, closeCodes: {}, refusals: {}, violations: [] };

function run(change: (round: number) => Partial<Round>, more: Partial<Run> = {}): Run {
  return { rounds: Array.from({ length: 20 }, (_, i) => ({ ...ROUND, round: i + 1, at: i / 20, ...change(i) })), samples: [], findings: [FOUND], restarted: false, ...more };
}

test.each<[string, Run, boolean]>([
  ["nothing", run(() => ({})), false],
  ["memory that rises by a tenth an hour", run((i) => ({ runtime_rss_mb: 500 + 2.5 * i + noise(i) })), true],
  ["memory that varies", run((i) => ({ runtime_rss_mb: 500 + 50 * noise(i) })), false],
  ["objects that stay awake in one of the quiet times", run((i) => (i === 7 ? { awake_at_rest: 400 } : {})), true],
  ["descriptors that are left open", run((i) => ({ descriptors_at_rest: 2_000 + 20 * i })), true],
  ["a lost message", run(() => ({}), { findings: [{ ...FOUND, violations: ["lost"] }] }), true],
])("%s is told by the verdict", (_name, given, fails) => {
  expect(failed(verdictOf(given))).toBe(fails);
});

test("a view notices what is left out, what comes again and what comes ahead", () => {
  const view = new View(1);
  expect([5, 6, 8, 8, 6, 7, 9].map((seq) => view.take(seq, false))).toEqual(["next", "next", "ahead", "known", "known", "next", "next"]);
  expect([view.seq, view.torn]).toEqual([9, false]);
  expect(view.take(12, true)).toBe("hole");
  view.left = true;
  expect(view.take(20, false)).toBe("ahead");
  expect(view.take(19, true)).toBe("next");
  expect([view.seq, view.torn]).toEqual([20, false]);
});

test("one seq with two messages is a violation", () => {
  const journal = new Journal();
  journal.saw("c", 1, "a");
  journal.saw("c", 1, "a");
  journal.acked("c", 1, "key", 5);
  expect(journal.counts.violations).toBe(0);
  journal.saw("c", 1, "b");
  journal.acked("c", 1, "other", null);
  expect(journal.violations).toHaveLength(2);
});
