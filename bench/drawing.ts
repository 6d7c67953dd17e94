// The figures of a run as one chart: for each workload how the others do beside the product.
import { chartSvg } from "./chart.ts";
import type { Outcome, PartyOutcome } from "./figures.ts";
import { short } from "./report.ts";
import type { FigureName } from "./round.ts";

/** Of these, less is better. */
const LESS: readonly FigureName[] = ["ack_p50", "delivery_p99", "catch_up_p50", "kib_per_socket"];
const SIZE = { width: 900, row: 24, around: 110 };
const BASE = 10;

interface Bar {
  /** Of the product's figure, above 1 where this one does better. */
  value: number;
  label: { formatter: string };
}

/** The product is the line at 1, so that one axis serves rates and times. */
export function drawn(outcomes: readonly Outcome[]): string {
  const shown = outcomes.toReversed();
  const names = [...new Set(outcomes.flatMap(({ parties: [, ...others] }) => others.map(({ name }) => name)))];
  const series = names.map((name) => ({ name, bars: shown.map((outcome) => barOf(outcome, name)) }));
  const powers = series.flatMap(({ bars }) => bars.flatMap((bar) => (bar === null ? [] : [Math.log(bar.value) / Math.log(BASE)])));
  return chartSvg({
    title: { text: "Beside the product, which is 1: bars to the right do better, bars to the left worse", left: "center", textStyle: { fontSize: 14 } },
    legend: { bottom: 0, data: names },
    // Whole powers on both sides, and room for what stands beside the bars.
    grid: { left: 190, right: 150, top: 40, bottom: 60 },
    xAxis: {
      type: "log", logBase: BASE, min: BASE ** Math.floor(Math.min(-1, ...powers)), max: BASE ** Math.ceil(Math.max(1, ...powers)),
      axisLabel: { formatter: (value: number) => `${Number(value.toPrecision(2))}×` },
    },
    yAxis: { type: "category", data: shown.map(({ workload, main, parties: [product] }) => `${workload}\n${worded(product, main)}`) },
    series: series.map(({ name, bars }) => ({ name, type: "bar", label: { show: true, position: "right" }, data: bars.map((bar) => bar ?? "-") })),
  }, { width: SIZE.width, height: SIZE.around + SIZE.row * (names.length + 1) * outcomes.length });
}

function barOf({ main, parties: [product, ...others] }: Outcome, name: string): Bar | null {
  const other = others.find((party) => party.name === name);
  const [mine, theirs] = [product.seen[main]?.median, other?.seen[main]?.median];
  if (other === undefined || mine === undefined || theirs === undefined) return null;
  const value = LESS.includes(main) ? mine / theirs : theirs / mine;
  return { value, label: { formatter: `${short(value)}× (${worded(other, main)})` } };
}

const UNITS: Readonly<Partial<Record<FigureName, string>>> = {
  acks_per_s: "acks/s", deliveries_per_s: "deliveries/s", ack_p50: "ms", delivery_p99: "ms", catch_up_p50: "ms", kib_per_socket: "KiB",
};

function worded({ seen }: PartyOutcome, main: FigureName): string {
  const median = seen[main]?.median;
  return median === undefined ? "–" : `${median >= 100 ? Math.round(median).toLocaleString("en-US") : short(median)} ${UNITS[main] ?? main}`;
}
