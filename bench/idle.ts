// Sockets that do nothing: what the server's memory grows by until they all have slept for a while.
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Fleet } from "./fleet.ts";
import { now } from "./generator/clock.ts";
import type { Round } from "./round.ts";
import type { Target } from "./target.ts";
import type { IdlePlan } from "./workloads.ts";

/** An object sleeps after 10 s without a frame. */
const ASLEEP_MS = 15_000;
const KIB = 1_024;

export async function idleRound(target: Target, plan: IdlePlan): Promise<Round> {
  const from = now();
  // What the first connections cost is not the sockets': code is loaded, and buffers are made.
  const first = await Fleet.raise(target.spoken, { ...plan, users: 10 }, 1);
  await first.close();
  await sleep(ASLEEP_MS);
  const before = target.memory();
  if (before === null) throw new Error("the memory of a deployment elsewhere is out of sight");
  const fleet = await Fleet.raise(target.spoken, plan, 1);
  try {
    await Promise.race([fleet.failure, sleep(ASLEEP_MS)]);
    return {
      seconds: (now() - from) / 1_000, cpu_parts: {}, generator_shares: [],
      seen: { kib_per_socket: ((target.memory() ?? 0) - before) / KIB / plan.users, load_average: loadavg()[0] as number },
    };
  } finally {
    await fleet.close();
  }
}
