// The figures of a run as one chart: for each workload how the product does beside each of the others.
import { chartSvg } from "./chart.ts";
import type { Outcome } from "./figures.ts";
import { short } from "./report.ts";
import type { FigureName } from "./round.ts";

/** Of these, less is better. */
const LESS: readonly FigureName[] = ["ack_p50", "delivery_p99", "catch_up_p50", "kib_per_socket"];
const SIZE = { width: 900, row: 26, around: 110 };

/** Bars are the others' figures in terms of the product's, so that one axis serves rates and times: longer is better. */
export function drawn(outcomes: readonly Outcome[]): string {
  const names = [...new Set(outcomes.flatMap(({ parties }) => parties.map(({ name }) => name)))];
  const shown = outcomes.toReversed();
  const label = ({ workload, main, parties: [product] }: Outcome): string => `${workload}\n${main} ${short(product.seen[main]?.median ?? 0)}`;
  const share = ({ main, parties: [product, ...others] }: Outcome, name: string): number | null => {
    const [mine, theirs] = [product.seen[main]?.median, [product, ...others].find((party) => party.name === name)?.seen[main]?.median];
    if (mine === undefined || theirs === undefined) return null;
    return LESS.includes(main) ? mine / theirs : theirs / mine;
  };
  return chartSvg({
    title: { text: "The product is 1; longer is better", left: "center", textStyle: { fontSize: 14 } },
    legend: { bottom: 0, data: names },
    grid: { left: 190, right: 60, top: 40, bottom: 60 },
    xAxis: { type: "log", logBase: 2, min: (extent) => Math.min(0.25, extent.min), axisLabel: { formatter: (value: number) => `${Number(value.toPrecision(2))}×` } },
    yAxis: { type: "category", data: shown.map(label) },
    series: names.map((name) => ({
      name, type: "bar", data: shown.map((outcome) => share(outcome, name) ?? "-"),
      label: { show: true, position: "right", formatter: ({ value }) => (typeof value === "number" ? value.toFixed(2) : "") },
    })),
  }, { width: SIZE.width, height: SIZE.around + SIZE.row * (names.length + 1) * outcomes.length });
}
