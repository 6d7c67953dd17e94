// One round: what is put on a party for some seconds, and what was seen in them.
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet } from "./fleet.ts";
import { now } from "./generator/clock.ts";
import { percentiles, type Percentiles } from "./samples.ts";
import type { Target } from "./target.ts";

/** By name; what a round could not see is not in it. ms, or what the name says. */
export type Seen = Partial<Record<FigureName, number>>;

export const FIGURES = [
  "acks_per_s", "deliveries_per_s", "ack_p50", "ack_p99", "ack_max", "delivery_p50", "delivery_p99", "delivery_max",
  /** From dialling to the last missed message. */
  "catch_up_p50", "catch_up_p99", "catch_up_max",
  /** Of the server's processes, for each socket that does nothing. */
  "kib_per_socket",
  /** Of the server, for each acknowledged message, or for each device that came back. */
  "server_cpu",
  /** Of frames, over all connections and both ways, for each message. */
  "bytes",
  /** Of all generator processes, for each message. */
  "generator_cpu",
  /** Of one core, the busiest process. Near 1 the generator is what limits the figures. */
  "generator_share",
  /** The machine's, over the minute before the round's end. */
  "load_average",
] as const;
export type FigureName = (typeof FIGURES)[number];

export interface Round {
  seconds: number;
  seen: Seen;
  /** Of the server's parts, ms for each message. */
  cpu_parts: Record<string, number>;
  /** Of each generator process, of one core. */
  generator_shares: number[];
}

/** The load's first moments are not counted: since the round before, everybody has gone to sleep. */
const RAMP_MS = 2_000;
/** Until every process has heard of it. */
const LEAD_MS = 100;
/** Of the warm-up, the part of which the generator's share is taken: by then its code is compiled. */
const WARM_SHARE_MS = 1_000;

/** Load that nobody counts: compiles what is hot, and creates the conversations. Returns the busiest process's share of a core. */
export async function warmUp(fleet: Fleet, seconds: number): Promise<number> {
  const at = now() + LEAD_MS;
  const end = at + seconds * 1_000;
  await fleet.start(at);
  const counted = await fleet.count(Math.max(at, end - WARM_SHARE_MS), end);
  await fleet.drain();
  return Math.max(...counted.map(({ cpu }) => cpu)) / Math.min(seconds * 1_000, WARM_SHARE_MS);
}

/** Rejects with what went wrong as soon as a message is lost, repeated or out of order. */
export async function runRound(target: Target, fleet: Fleet, seconds: number): Promise<Round> {
  const from = now() + LEAD_MS + RAMP_MS;
  const to = from + seconds * 1_000;
  await fleet.start(now() + LEAD_MS);
  const [counted, server] = await Promise.all([fleet.count(from, to), serverBetween(target, from, to, fleet.failure)]);
  await fleet.drain();
  const [ack, delivery] = [percentiles(counted.map(({ acks }) => acks)), percentiles(counted.map(({ deliveries }) => deliveries))];
  if (ack === null || delivery === null) throw new Error(`nothing arrived in ${seconds} s`);
  const sum = (pick: (process: (typeof counted)[number]) => number): number => counted.reduce((all, process) => all + pick(process), 0);
  const acks = sum((process) => process.acks.length);
  const shares = counted.map(({ cpu }) => cpu / (seconds * 1_000));
  return {
    seconds,
    seen: {
      acks_per_s: acks / seconds, deliveries_per_s: sum((process) => process.deliveries.length) / seconds,
      ...named("ack", ack), ...named("delivery", delivery),
      ...(server === null ? {} : { server_cpu: server.server / acks }),
      bytes: sum(({ bytes }) => bytes) / acks, generator_cpu: sum(({ cpu }) => cpu) / acks, generator_share: Math.max(...shares),
      load_average: loadavg()[0] as number,
    },
    cpu_parts: Object.fromEntries(Object.entries(server?.parts ?? {}).map(([name, cpu]) => [name, cpu / acks])),
    generator_shares: shares,
  };
}

/** A device comes back as often as it can in that time, one time after the other. */
export async function catchUpRound(target: Target, fleet: Fleet, seconds: number): Promise<Round> {
  const from = now();
  const before = target.cpu();
  const took: number[] = [];
  while (now() < from + seconds * 1_000) took.push(await fleet.catchUp());
  const after = target.cpu();
  const times = percentiles([Float64Array.from(took)]) as Percentiles;
  return {
    seconds: (now() - from) / 1_000,
    seen: {
      ...named("catch_up", times),
      ...(before === null || after === null ? {} : { server_cpu: (after.server - before.server) / took.length }),
      load_average: loadavg()[0] as number,
    },
    cpu_parts: {}, generator_shares: [],
  };
}

function named<N extends "ack" | "delivery" | "catch_up">(name: N, { p50, p99, max }: Percentiles): Record<`${N}_p50` | `${N}_p99` | `${N}_max`, number> {
  return { [`${name}_p50`]: p50, [`${name}_p99`]: p99, [`${name}_max`]: max } as Record<`${N}_p50` | `${N}_p99` | `${N}_max`, number>;
}

async function serverBetween(target: Target, from: number, to: number, failure: Promise<never>): Promise<ReturnType<Target["cpu"]>> {
  await Promise.race([failure, sleep(Math.max(0, from - now()))]);
  const before = target.cpu();
  await Promise.race([failure, sleep(Math.max(0, to - now()))]);
  const after = target.cpu();
  if (before === null || after === null) return null;
  return {
    server: after.server - before.server,
    parts: Object.fromEntries(Object.entries(after.parts).map(([name, cpu]) => [name, cpu - (before.parts[name] ?? 0)])),
  };
}
