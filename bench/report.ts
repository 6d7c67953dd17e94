// The figures as a table.
import type { Figure, Figures, Goal, Outcome } from "./figures.ts";

const COLUMNS = ["", "acks/s", "deliveries/s", "ack p50 / p99 / max", "delivery p50 / p99 / max", "CPU ms (workerd)", "archiver", "generator", "bytes", "rows", "÷ other", "load"];

/** A line for the product and one for what it was compared with, for each workload. */
export function table(outcomes: readonly Outcome[]): string {
  const lines = outcomes.flatMap(({ workload, product, against, ratio }) => [
    line(workload, product, ratio === null ? "" : `${ratio.rate.median.toFixed(2)}${ratio.server_cpu === null ? "" : `, CPU ${ratio.server_cpu.median.toFixed(2)}`}`),
    ...(against === null ? [] : [line("  other", against, "")]),
  ]);
  const rows = [COLUMNS, ...lines];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return rows.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] as number) : cell.padStart(widths[column] as number))).join("  ")).join("\n");
}

export function goalLine({ goal, measured, met }: Goal): string {
  return `${met ? "reached" : "MISSED "}  ${goal}: ${short(measured)}`;
}

function line(name: string, figures: Figures, ratio: string): string[] {
  const latency = (which: "ack" | "delivery"): string => [figures[`${which}_p50`], figures[`${which}_p99`]].map(({ median }) => short(median)).join(" / ") + ` / ${short(figures[`${which}_max`].highest)}`;
  return [
    name, spread(figures.acks_per_s), spread(figures.deliveries_per_s), latency("ack"), latency("delivery"),
    figures.server_cpu === null || figures.workerd_cpu === null ? "-" : `${figures.server_cpu.median.toFixed(2)} (${figures.workerd_cpu.median.toFixed(2)})`,
    figures.archiver_cpu === null ? "-" : figures.archiver_cpu.median.toFixed(2),
    `${figures.generator_cpu.median.toFixed(2)}, ${Math.round(figures.generator_share.median * 100)}%`,
    figures.bytes.median.toFixed(0), figures.rows_per_message === null ? "-" : figures.rows_per_message.toFixed(2), ratio, figures.load_average.median.toFixed(1),
  ];
}

/** The median, and how far the rounds lie apart. */
function spread({ median, lowest, highest }: Figure): string {
  return `${Math.round(median)} ±${Math.round(((highest - lowest) / 2 / median) * 100)}%`;
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
