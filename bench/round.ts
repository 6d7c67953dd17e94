// One round: load for some seconds, and what was seen in them.
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Percentiles } from "./samples.ts";
import type { Cpu, Target } from "./target.ts";
import { Tally } from "./traffic.ts";
import type { Load } from "./workloads.ts";

/** Of the server, ms for each acknowledged message. */
export interface CpuPerMessage extends Cpu {}

export interface Round {
  seconds: number;
  acks: number;
  deliveries: number;
  acks_per_s: number;
  deliveries_per_s: number;
  /** ms from sending to the acknowledgement at the sender's socket */
  ack_ms: Percentiles;
  /** ms from sending to the arrival at a recipient's socket */
  delivery_ms: Percentiles;
  /** null where the server's processes are out of sight */
  cpu_ms_per_message: CpuPerMessage | null;
  /** Of frames, over all sockets and both ways. */
  bytes_per_message: number;
  generator_cpu_ms_per_message: number;
  /** Of one core. Near 1 the generator is what limits the figures. */
  generator_share: number;
  /** The machine's, over the minute before the round's end. */
  load_average: number;
}

/** The load's first moments are not counted: since the round before, everybody has gone to sleep. */
const RAMP_MS = 2_000;

/** Load that nobody counts: compiles what is hot, and creates the conversations. */
export async function warmUp(load: Load, seconds: number): Promise<void> {
  load.start();
  await Promise.race([load.traffic.failure, sleep(seconds * 1_000)]);
  load.stop();
  await load.traffic.drained();
  await load.settled?.();
}

/** Rejects with what went wrong as soon as a message is lost, repeated or out of order. */
export async function runRound(target: Target, load: Load, seconds: number): Promise<Round> {
  const { traffic } = load;
  load.start();
  await Promise.race([traffic.failure, sleep(RAMP_MS)]);
  const before = measure(target);
  const tally = new Tally();
  traffic.tally = tally;
  await Promise.race([traffic.failure, sleep(seconds * 1_000)]);
  traffic.tally = new Tally();
  const after = measure(target);
  load.stop();
  await traffic.drained();
  await load.settled?.();

  const [acks, deliveries] = [tally.ack.count, tally.delivery.count];
  const [ack_ms, delivery_ms] = [tally.ack.percentiles(), tally.delivery.percentiles()];
  if (ack_ms === null || delivery_ms === null) throw new Error(`nothing arrived in ${seconds} s`);
  const elapsed = after.at - before.at;
  return {
    seconds: elapsed / 1_000,
    acks, deliveries, acks_per_s: (acks * 1_000) / elapsed, deliveries_per_s: (deliveries * 1_000) / elapsed,
    ack_ms, delivery_ms,
    cpu_ms_per_message: before.server === null || after.server === null ? null : {
      server: (after.server.server - before.server.server) / acks,
      workerd: (after.server.workerd - before.server.workerd) / acks,
      archiver: (after.server.archiver - before.server.archiver) / acks,
    },
    bytes_per_message: tally.bytes / acks,
    generator_cpu_ms_per_message: (after.generator - before.generator) / acks,
    generator_share: (after.generator - before.generator) / elapsed,
    load_average: loadavg()[0] as number,
  };
}

function measure(target: Target): { at: number; server: Cpu | null; generator: number } {
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), server: target.cpu(), generator: (user + system) / 1_000 };
}
