// From rounds to figures: the median and the spread of each, ratios within one run, and the goals.
import type { Round } from "./round.ts";
import { median } from "./samples.ts";
import type { WorkloadName } from "./workloads.ts";

export interface Figure {
  median: number;
  lowest: number;
  highest: number;
}

/** Every figure over the rounds of one workload. ms, or what the name says. */
export type Figures = Readonly<Record<FigureName, Figure>> & Readonly<Record<CpuName, Figure | null>> & {
  /** Over all rounds and what they left to settle. null where nobody may ask. */
  rows_per_message: number | null;
};
type FigureName =
  | "acks_per_s" | "deliveries_per_s" | "ack_p50" | "ack_p99" | "ack_max" | "delivery_p50" | "delivery_p99" | "delivery_max"
  | "bytes" | "generator_cpu" | "generator_share" | "load_average";
type CpuName = "server_cpu" | "workerd_cpu" | "archiver_cpu";

export interface Outcome {
  workload: WorkloadName;
  description: string;
  product: Figures;
  /** What the product was compared with; null for nothing. */
  against: Figures | null;
  /** Product by the other, in each pair of rounds: rates above 1 and CPU below 1 are the product's better ones. */
  ratio: { rate: Figure; server_cpu: Figure | null } | null;
  rounds: { product: Round[]; against: Round[] };
}

export interface Goal {
  goal: string;
  measured: number;
  met: boolean;
}

function figure(values: readonly number[]): Figure {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

export function figuresOf(rounds: readonly Round[], rows_per_message: number | null): Figures {
  const of = (pick: (round: Round) => number): Figure => figure(rounds.map(pick));
  const cpu = (pick: "server" | "workerd" | "archiver"): Figure | null => {
    const values = rounds.map((round) => round.cpu_ms_per_message?.[pick]).filter((value) => value !== undefined);
    return values.length === 0 ? null : figure(values);
  };
  return {
    acks_per_s: of((round) => round.acks_per_s), deliveries_per_s: of((round) => round.deliveries_per_s),
    ack_p50: of((round) => round.ack_ms.p50), ack_p99: of((round) => round.ack_ms.p99), ack_max: of((round) => round.ack_ms.max),
    delivery_p50: of((round) => round.delivery_ms.p50), delivery_p99: of((round) => round.delivery_ms.p99), delivery_max: of((round) => round.delivery_ms.max),
    server_cpu: cpu("server"), workerd_cpu: cpu("workerd"), archiver_cpu: cpu("archiver"),
    bytes: of((round) => round.bytes_per_message), generator_cpu: of((round) => round.generator_cpu_ms_per_message), generator_share: of((round) => round.generator_share),
    load_average: of((round) => round.load_average),
    rows_per_message,
  };
}

export function ratioOf(product: readonly Round[], against: readonly Round[]): Outcome["ratio"] {
  if (against.length === 0) return null;
  const pairs = product.map((round, i) => [round, against[i] as Round] as const);
  const cpu = pairs.map(([mine, other]) => (mine.cpu_ms_per_message?.server ?? Number.NaN) / (other.cpu_ms_per_message?.server ?? Number.NaN));
  return {
    rate: figure(pairs.map(([mine, other]) => mine.deliveries_per_s / other.deliveries_per_s)),
    server_cpu: cpu.some((value) => Number.isNaN(value)) ? null : figure(cpu),
  };
}

/** What this version is to reach on two cores, generator included. */
export function goalsOf({ workload, product, ratio }: Outcome): Goal[] {
  const share = ratio?.rate.median ?? 0;
  const rate = (goal: number, unit: "acks" | "deliveries"): Goal => {
    const measured = product[`${unit}_per_s`].median;
    return { goal: `${goal} ${unit}/s, or 70% of the bare figure`, measured, met: measured >= goal || share >= 0.7 };
  };
  const below = (goal: string, limit: number, measured: number): Goal => ({ goal: `${goal} below ${limit} ms`, measured, met: measured < limit });
  switch (workload) {
    case "pairs":
      return [rate(1_000, "acks")];
    case "pairs-32":
      return [rate(5_000, "acks")];
    case "open-200":
      return [
        below("p50 of delivery", 100, product.delivery_p50.median), below("p99 of delivery", 200, product.delivery_p99.median),
        below("longest delivery of all rounds", 500, product.delivery_max.highest), below("p50 of acknowledgement", 3, product.ack_p50.median),
      ];
    case "group-1":
      return [];
    case "group-10":
      return [rate(25_000, "deliveries")];
    case "group-500":
      return [below("p99 of being told, or of the body", 150, product.delivery_p99.median)];
  }
}
