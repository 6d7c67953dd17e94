// One run, from the first user to the verdict.
import type { Deployment } from "./deployment.ts";
import { checkAcks } from "./checks/acks.ts";
import { describeFault } from "./faults.ts";
import { finish } from "./final.ts";
import type { Plan } from "./plan.ts";
import type { Result } from "./report.ts";
import { playRound, setUp } from "./round.ts";
import { makeWorld } from "./world.ts";

/** @param say gets a line at every step that may take seconds */
export async function verify(deployment: Deployment, plan: Plan, say: (line: string) => void): Promise<Result> {
  const begun = performance.now();
  const world = makeWorld(deployment, plan);
  const { journal, violations } = world;
  const downs: number[] = [];
  let played = 0;
  try {
    await setUp(world);
    for (const round of plan.rounds) {
      const { down_ms } = await playRound(world, round);
      played += 1;
      // What acknowledgements tell of one another needs no history.
      checkAcks(journal, violations);
      if (down_ms !== null) downs.push(down_ms);
      const broken = down_ms === null ? "sockets cut" : `${describeFault(round.fault)}, back after ${(down_ms / 1_000).toFixed(1)} s`;
      say(`round ${round.number}/${plan.rounds.length}: ${broken}; ${journal.acks} acks, ${journal.deliveries} deliveries, ${violations.all.length} violations`);
      // What is broken only gets harder to read from here on.
      if (violations.all.length > 0) break;
    }
    say("reading every history, in both directions, as every member");
    const { archived } = await finish(world);
    return {
      seed: plan.seed, rounds: played, clients: plan.sizes.clients, kills: downs.length,
      longest_down_ms: downs.length === 0 ? null : Math.max(...downs),
      messages: [...journal.sendings.values()].filter(({ acks }) => acks.length > 0).length, acks: journal.acks, deliveries: journal.deliveries,
      conversations: journal.conversations.size, histories: journal.readings.length, archived, reconnects: journal.backoffs.length,
      errors: Object.fromEntries(journal.refusals), seconds: (performance.now() - begun) / 1_000, violations: violations.all,
    };
  } finally {
    await Promise.all([...world.devices.values()].map((device) => device.stop()));
  }
}
