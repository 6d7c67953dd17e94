// One run, from the first user to the verdict.
import type { Deployment } from "./deployment.ts";
import { describeFault, type Victim } from "./faults.ts";
import { finish } from "./final.ts";
import type { Plan } from "./plan.ts";
import type { Result } from "./report.ts";
import { playRound, setUp } from "./round.ts";
import type { Spill } from "./spill.ts";
import type { Struck } from "./strike.ts";
import { isMoot, makeWorld, type World } from "./world.ts";

/**
 * @param say gets a line at every step that may take seconds
 * @param minutes after which no further round begins
 */
export async function verify(deployment: Deployment, plan: Plan, spill: Spill, say: (line: string) => void, minutes: number | null = null): Promise<Result> {
  const begun = performance.now();
  const world = makeWorld(deployment, plan, spill);
  const { journal, violations } = world;
  const struck: Struck[] = [];
  const beside = { evictions: 0, archiver_kills: 0 };
  let played = 0;
  try {
    await setUp(world);
    for (const round of plan.rounds()) {
      const outcome = await playRound(world, round);
      played += 1;
      struck.push(...outcome.struck);
      beside.evictions += outcome.evictions;
      beside.archiver_kills += outcome.archiver_kills;
      const { messages, acks, deliveries } = journal.counts;
      say(`${seconds(begun)} s, round ${round.number}/${plan.sizes.rounds}: ${told(outcome.struck)}; ${messages} messages, ${acks} acks, ${deliveries} deliveries, ${struck.length} kills, ${violations.all.length} violations, ${megabytes()} MB`);
      // What is broken only gets harder to read from here on.
      if (isMoot(world) || (minutes !== null && performance.now() - begun > minutes * 60_000)) break;
    }
    say("reading every history, in both directions");
    const { archived, compared } = await finish(world);
    return { ...counted(world, struck, begun), rounds: played, ...beside, archived, archive_rows: compared };
  } finally {
    await Promise.all([...world.devices.values()].map((device) => device.stop()));
  }
}

function counted({ plan, journal, violations, spill }: World, struck: readonly Struck[], begun: number) {
  const kills = (victim: Victim): number => struck.filter(({ fault }) => fault.victim === victim).length;
  return {
    seed: plan.seed, clients: plan.sizes.clients,
    kills: struck.length, kills_of: { runtime: kills("runtime"), tree: kills("tree"), deploy: kills("deploy") },
    longest_down_ms: struck.length === 0 ? null : Math.max(...struck.map(({ down_ms }) => down_ms)),
    ...journal.counts,
    conversations: journal.conversations.size, reconnects: journal.backoffs.length,
    errors: Object.fromEntries(journal.refusals), seconds: (performance.now() - begun) / 1_000,
    hash: spill.hashes.length === 0 ? null : spill.digest(), violations: violations.all,
  };
}

function told(struck: readonly Struck[]): string {
  const [first, ...others] = struck;
  if (first === undefined) return "sockets cut";
  if (others.length === 0) return `${describeFault(first.fault)}, back after ${(first.down_ms / 1_000).toFixed(1)} s`;
  return struck.map(({ fault, down_ms }) => `${fault.victim} ${(down_ms / 1_000).toFixed(1)} s`).join(", ");
}

function seconds(begun: number): string {
  return ((performance.now() - begun) / 1_000).toFixed(0);
}

function megabytes(): number {
  return Math.round(process.memoryUsage().rss / 2 ** 20);
}
