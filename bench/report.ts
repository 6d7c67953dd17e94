// The figures as a table.
import type { Figure, Figures, Outcome, PartyOutcome } from "./figures.ts";
import type { Goal } from "./goals.ts";
import type { FigureName } from "./round.ts";

const COLUMNS = ["", "", "acks/s", "deliveries/s", "ack p50 / p99 / max", "delivery p50 / p99 / max", "catch-up", "KiB", "CPU ms", "of which", "generator", "bytes", "rows", "product ÷ it", "load"];
/** Of a core: a generator that is busier may be what limits the figures. */
const BUSY = 0.85;

/** A line for each party of each workload. */
export function table(outcomes: readonly Outcome[]): string {
  const lines = outcomes.flatMap(({ workload, parties }) => parties.map((party, i) => line(i === 0 ? workload : "", party)));
  const rows = [COLUMNS, ...lines];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return rows.map((row) => row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] as number) : cell.padStart(widths[column] as number))).join("  ").trimEnd()).join("\n");
}

export function goalLine({ workload, figure, is, value, of, measured, met }: Goal): string {
  return `${met ? "reached" : "MISSED "}  ${workload.padEnd(14)}  ${figure}${of === undefined ? "" : `, ${of} round`}, at ${is} ${value}: ${short(measured)}`;
}

/** Where the generator may be what was measured. */
export function warnings(outcomes: readonly Outcome[]): string[] {
  return outcomes.flatMap(({ workload, generators, parties }) => parties.filter(({ seen }) => (seen.generator_share?.median ?? 0) > BUSY).map(({ name, seen }) =>
    `warning: ${workload}, ${name}: a generator process was busy ${percent(seen.generator_share?.median ?? 0)} of the time (${generators} of them): it may be the limit`));
}

function line(workload: string, { name, seen, cpu_parts, rows_per_message, ratio }: PartyOutcome): string[] {
  const rate = (which: FigureName): string => (seen[which] === undefined ? "-" : spread(seen[which]));
  return [
    workload, name, rate("acks_per_s"), rate("deliveries_per_s"), latency(seen, "ack"), latency(seen, "delivery"), latency(seen, "catch_up"),
    seen.kib_per_socket === undefined ? "-" : seen.kib_per_socket.median.toFixed(0),
    seen.server_cpu === undefined ? "-" : seen.server_cpu.median.toFixed(3),
    Object.entries(cpu_parts).map(([part, { median }]) => `${part} ${median.toFixed(2)}`).join(", "),
    seen.generator_cpu === undefined || seen.generator_share === undefined ? "-" : `${seen.generator_cpu.median.toFixed(2)}, ${percent(seen.generator_share.median)}`,
    seen.bytes === undefined ? "-" : seen.bytes.median.toFixed(0), rows_per_message === null ? "-" : rows_per_message.toFixed(2),
    ratio === null ? "" : `${ratio.main.median.toFixed(2)}${ratio.server_cpu === null ? "" : `, CPU ${ratio.server_cpu.median.toFixed(2)}`}`,
    (seen.load_average?.median ?? 0).toFixed(1),
  ];
}

function latency(seen: Figures["seen"], which: "ack" | "delivery" | "catch_up"): string {
  const [p50, p99, max] = [seen[`${which}_p50`], seen[`${which}_p99`], seen[`${which}_max`]];
  return p50 === undefined || p99 === undefined || max === undefined ? "-" : [p50.median, p99.median, max.highest].map(short).join(" / ");
}

/** The median, and how far the rounds lie apart. */
function spread({ median, lowest, highest }: Figure): string {
  return `${Math.round(median)} ±${percent((highest - lowest) / 2 / median)}`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

export function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2);
}
