// What a run of the archive's bench comes to, and how it is told.
import type { Percentiles } from "../samples.ts";
import type { Acked } from "./edge.ts";

export interface Figures {
  rows: number;
  segments: number;
  /** Rows a second from the first acknowledgement to the last. */
  rows_per_s: number;
  /** The slowest of ten equal parts of them. */
  slowest_tenth: number;
  /** From the first process's start to the last deletion. */
  wall_s: number;
  /** Segments that were acknowledged again. */
  again: number;
  /** Of a row; null where the server is not the run's own. */
  cpu_us: { archiver: number | null; cassandra: number | null; s3: number | null };
  /** Resident memory of the largest archiver: in the middle of the run's halves, and at most. */
  rss_mb: { first_half: number; second_half: number; max: number };
  page_ms: Percentiles;
  /** On the node's disk, of each row of the archive; null where the node is not the run's own. */
  bytes_per_row: number | null;
  load_average: { before: number; after: number };
}

const PARTS = 10;

function between(acks: readonly Acked[]): number {
  const [first, last] = [acks[0], acks.at(-1)];
  if (first === undefined || last === undefined || last.at === first.at) return 0;
  // The rows of the first were done before its time.
  return (acks.slice(1).reduce((sum, ack) => sum + ack.rows, 0) / (last.at - first.at)) * 1_000;
}

export function rateOf(acks: readonly Acked[]): Pick<Figures, "rows_per_s" | "slowest_tenth"> {
  const bound = (i: number) => Math.floor((i * (acks.length - 1)) / PARTS);
  const parts = acks.length <= PARTS ? [] : Array.from({ length: PARTS }, (_, i) => between(acks.slice(bound(i), bound(i + 1) + 1)));
  return { rows_per_s: between(acks), slowest_tenth: parts.length === 0 ? 0 : Math.min(...parts) };
}

const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

export function memoryOf(samples: readonly (readonly number[])[]): Figures["rss_mb"] {
  const largest = samples.toSorted((a, b) => Math.max(...b) - Math.max(...a))[0] ?? [];
  const half = Math.ceil(largest.length / 2);
  return { first_half: middle(largest.slice(0, half)), second_half: middle(largest.slice(half)), max: Math.max(0, ...largest) };
}

export function report(figures: Figures): string {
  const whole = (value: number) => Math.round(value).toString();
  const us = (value: number | null) => (value === null ? "-" : `${value.toFixed(1)} µs`);
  const { cpu_us, rss_mb, page_ms, load_average } = figures;
  return [
    "",
    `rows/s            ${whole(figures.rows_per_s)}, slowest tenth ${whole(figures.slowest_tenth)}; ${figures.rows} rows in ${figures.wall_s.toFixed(1)} s with start and end`,
    `acknowledged      ${figures.segments} segments, ${figures.again} of them again`,
    `CPU of a row      archiver ${us(cpu_us.archiver)}, Cassandra ${us(cpu_us.cassandra)}, S3 ${us(cpu_us.s3)}`,
    `memory, MB        ${whole(rss_mb.first_half)} in the first half, ${whole(rss_mb.second_half)} in the second, ${whole(rss_mb.max)} at most`,
    `page of 50, ms    p50 ${page_ms.p50.toFixed(1)}, p99 ${page_ms.p99.toFixed(1)}, max ${page_ms.max.toFixed(1)}`,
    `on disk           ${figures.bytes_per_row === null ? "-" : `${whole(figures.bytes_per_row)} bytes a row`}, of one copy`,
    `load average      ${load_average.before.toFixed(1)} before, ${load_average.after.toFixed(1)} after`,
  ].join("\n");
}
