import { expect, test } from "vitest";
import { median, percentiles, Samples } from "../../bench/samples.ts";

test("percentiles are those of the sorted samples, however many there are", () => {
  const samples = new Samples();
  expect(samples.percentiles()).toBeNull();
  for (let i = 0; i < 5_000; i += 1) samples.add((i * 7_919) % 5_000);
  expect(samples.count).toBe(5_000);
  expect(samples.percentiles()).toEqual({ p50: 2_499, p99: 4_949, max: 4_999 });
});

test("percentiles of several processes are those of all their samples together", () => {
  const all = Array.from({ length: 1_000 }, (_, i) => i);
  const parts = [0, 1, 2].map((part) => Float64Array.from(all.filter((value) => value % 3 === part)));
  expect(percentiles(parts)).toEqual({ p50: 499, p99: 989, max: 999 });
  expect(percentiles([new Float64Array(0), new Float64Array(0)])).toBeNull();
});

test("one sample is every percentile", () => {
  const samples = new Samples();
  samples.add(3);
  expect(samples.percentiles()).toEqual({ p50: 3, p99: 3, max: 3 });
});

test("the median of an even number lies between the middle ones", () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2])]).toEqual([2, 2.5]);
  expect(() => median([])).toThrow();
});
