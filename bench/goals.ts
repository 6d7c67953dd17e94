// What this version is to reach on two cores, generator included, where every acknowledgement comes after its commit is on disk.
import type { Outcome } from "./figures.ts";
import type { FigureName } from "./round.ts";
import type { WorkloadName } from "./workloads.ts";

interface Wanted {
  figure: FigureName;
  /** At least, or at most. */
  is: "least" | "most";
  value: number;
  /** Of the rounds; the median unless this says the worst one. */
  of?: "worst";
}

export interface Goal extends Wanted {
  workload: WorkloadName;
  measured: number;
  met: boolean;
}

const WANTED: Readonly<Record<WorkloadName, readonly Wanted[]>> = {
  "pairs": [{ figure: "acks_per_s", is: "least", value: 2_000 }, { figure: "server_cpu", is: "most", value: 0.4 }],
  "pairs-32": [{ figure: "acks_per_s", is: "least", value: 15_000 }],
  "open-200": [
    { figure: "ack_p50", is: "most", value: 1.3 }, { figure: "ack_p99", is: "most", value: 5 },
    { figure: "delivery_p50", is: "most", value: 100 }, { figure: "delivery_p99", is: "most", value: 200 }, { figure: "delivery_max", is: "most", value: 500, of: "worst" },
  ],
  "group-1": [{ figure: "deliveries_per_s", is: "least", value: 30_000 }],
  "group-10": [{ figure: "deliveries_per_s", is: "least", value: 100_000 }],
  "group-500": [{ figure: "deliveries_per_s", is: "least", value: 90_000 }],
  "notify-500": [{ figure: "delivery_p99", is: "most", value: 150 }],
  "reconnect-1000": [{ figure: "catch_up_p50", is: "most", value: 10 }],
  "idle": [{ figure: "kib_per_socket", is: "most", value: 170 }],
};

/** Those that the run could see. */
export function goalsOf({ workload, parties: [product] }: Outcome): Goal[] {
  return WANTED[workload].flatMap((wanted) => {
    const seen = product.seen[wanted.figure];
    if (seen === undefined) return [];
    const worst = wanted.is === "least" ? seen.lowest : seen.highest;
    const measured = wanted.of === "worst" ? worst : seen.median;
    return [{ ...wanted, workload, measured, met: wanted.is === "least" ? measured >= wanted.value : measured <= wanted.value }];
  });
}
