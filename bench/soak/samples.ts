// One look at everything, every few seconds, and what the whole run's samples say round by round.
import { median } from "../samples.ts";
import type { Traffic } from "./generators.ts";
import type { PhaseName } from "./phases.ts";
import type { ServerSample } from "./server.ts";

export interface Sample {
  /** Since the first phase began. */
  at_s: number;
  phase: PhaseName;
  round: number;
  traffic: Traffic;
  /** null where the server is out of sight. */
  server: ServerSample | null;
  /** Cores that everything else on the machine used meanwhile, generators and server left out. */
  others_cores: number;
  generator_cpu_ms: number;
  load_average: number;
}

/** What one round says: latencies while it was steady, and how things stood at the end of its quiet time. */
export interface Round {
  round: number;
  /** In hours, as slopes are. */
  at: number;
  ack_p99: number | null;
  delivery_p99: number | null;
  others_cores: number;
  runtime_rss_mb: number | null;
  archiver_rss_mb: number | null;
  /** How long nothing had been done when things were looked at last. */
  quiet_s: number;
  awake_most: number | null;
  awake_at_rest: number | null;
  descriptors_at_rest: number | null;
}

export function awakeOf(server: ServerSample): number {
  return (server.awake["Conversation"] ?? 0) + (server.awake["UserSession"] ?? 0);
}

export function roundsOf(samples: readonly Sample[]): Round[] {
  const rounds = [...Map.groupBy(samples.filter(({ round }) => round > 0), ({ round }) => round)];
  return rounds.flatMap(([round, own]) => {
    const rest = own.findLast(({ phase }) => phase === "quiet");
    if (rest === undefined) return [];
    const steady = own.filter(({ phase }) => phase === "steady");
    const middle = (values: (number | undefined)[]): number | null => {
      const known = values.filter((value) => value !== undefined);
      return known.length === 0 ? null : median(known);
    };
    const seen = own.flatMap(({ server }) => (server === null ? [] : [server]));
    return [{
      round, at: rest.at_s / 3_600,
      ack_p99: middle(steady.map(({ traffic }) => traffic.ack?.p99)), delivery_p99: middle(steady.map(({ traffic }) => traffic.delivery?.p99)),
      others_cores: middle(steady.map(({ others_cores }) => others_cores)) ?? 0,
      runtime_rss_mb: rest.server?.runtime_rss_mb ?? null, archiver_rss_mb: rest.server?.archiver_rss_mb ?? null,
      quiet_s: rest.at_s - (own.findLast(({ phase }) => phase !== "quiet")?.at_s ?? rest.at_s),
      awake_most: seen.length === 0 ? null : Math.max(...seen.map(awakeOf)),
      awake_at_rest: rest.server === null ? null : awakeOf(rest.server),
      descriptors_at_rest: rest.server?.descriptors ?? null,
    }];
  });
}
