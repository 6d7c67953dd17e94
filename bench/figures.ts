// From rounds to figures: the median and the spread of each, and ratios within one run.
import { median } from "./samples.ts";
import { FIGURES, type FigureName, type Round } from "./round.ts";
import type { WorkloadName } from "./workloads.ts";

export interface Figure {
  median: number;
  lowest: number;
  highest: number;
}

export interface Figures {
  seen: Partial<Record<FigureName, Figure>>;
  /** Of the server's parts, ms for each message. */
  cpu_parts: Record<string, Figure>;
  /** SQL rows written for each message, over all rounds and what they left to settle; null where nobody may ask. */
  rows_per_message: number | null;
}

/** One of those that are compared. */
export interface PartyOutcome extends Figures {
  name: string;
  rounds: Round[];
  /** The product by this one, in each pair of rounds: of the workload's main figure, and of the server's CPU. null for the product itself. */
  ratio: { main: Figure; server_cpu: Figure | null } | null;
}

export interface Outcome {
  workload: WorkloadName;
  description: string;
  /** What the workload is about. */
  main: FigureName;
  /** Generator processes. */
  generators: number;
  /** The product first. */
  parties: [PartyOutcome, ...PartyOutcome[]];
}

export const MAIN: Readonly<Record<WorkloadName, FigureName>> = {
  "pairs": "acks_per_s", "pairs-32": "acks_per_s", "open-200": "ack_p50", "group-1": "deliveries_per_s", "group-10": "deliveries_per_s",
  "group-500": "deliveries_per_s", "notify-500": "delivery_p99", "reconnect-1000": "catch_up_p50", "idle": "kib_per_socket",
};

function figure(values: readonly number[]): Figure {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

export function figuresOf(rounds: readonly Round[], rows_per_message: number | null): Figures {
  const of = (pick: (round: Round) => number | undefined): Figure | null => {
    const values = rounds.map(pick).filter((value) => value !== undefined);
    return values.length === 0 ? null : figure(values);
  };
  const present = <N extends string>(names: readonly N[], pick: (round: Round, name: N) => number | undefined): Partial<Record<N, Figure>> =>
    Object.fromEntries(names.map((name) => [name, of((round) => pick(round, name))]).filter(([, found]) => found !== null)) as Partial<Record<N, Figure>>;
  return {
    seen: present(FIGURES, (round, name) => round.seen[name]),
    cpu_parts: present(Object.keys(rounds[0]?.cpu_parts ?? {}), (round, name) => round.cpu_parts[name]) as Record<string, Figure>,
    rows_per_message,
  };
}

export function ratioOf(main: FigureName, product: readonly Round[], other: readonly Round[]): PartyOutcome["ratio"] {
  const by = (name: FigureName): Figure | null => {
    const ratios = product.map((round, i) => (round.seen[name] ?? Number.NaN) / (other[i]?.seen[name] ?? Number.NaN));
    return ratios.some((ratio) => Number.isNaN(ratio)) ? null : figure(ratios);
  };
  const of = by(main);
  return of === null ? null : { main: of, server_cpu: by("server_cpu") };
}
