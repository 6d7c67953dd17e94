// The chart of a run: what stands beside the product, and on which side.
import { expect, test } from "vitest";
import { drawn } from "../../bench/drawing.ts";
import type { Outcome, PartyOutcome } from "../../bench/figures.ts";
import { readOptions, UsageError } from "../../bench/options.ts";
import type { FigureName } from "../../bench/round.ts";

function party(name: string, figure: FigureName, median: number): PartyOutcome {
  return { name, rounds: [], seen: { [figure]: { median, lowest: median, highest: median } }, cpu_parts: {}, rows_per_message: null, ratio: null };
}

function outcome(workload: Outcome["workload"], main: FigureName, product: number, other: number): Outcome {
  return { workload, description: "", main, generators: 1, parties: [party("product", main, product), party("other", main, other)] };
}

test("a chart says of each workload how many times better the others do, be more better or less", () => {
  const svg = drawn([outcome("pairs", "acks_per_s", 1_500, 3_000), outcome("idle", "kib_per_socket", 200, 50), outcome("open-200", "ack_p50", 1, 2)]);
  for (const label of ["2.0× (3,000 acks/s)", "4.0× (50.0 KiB)", "0.50× (2.0 ms)", "1,500 acks/s", "200 KiB", "1.0 ms"]) expect(svg).toContain(label);
});

test("a chart leaves room for a peer that was not there in one of the workloads", () => {
  const [alone] = outcome("notify-500", "delivery_p99", 90, 1).parties;
  const svg = drawn([outcome("pairs", "acks_per_s", 10, 40), { workload: "notify-500", description: "", main: "delivery_p99", generators: 1, parties: [alone] }]);
  expect(svg).toContain("4.0× (40.0 acks/s)");
  expect(svg).toContain("90.0 ms");
});

test("a chart of nothing but the product is refused before anything is measured", () => {
  expect(() => readOptions(["--chart", "chart.svg", "--against", "none"])).toThrow(UsageError);
  expect(readOptions(["--chart", "chart.svg", "--against", "none", "--peer", "socketio"]).chart).toMatch(/chart\.svg$/);
});
