// What is broken all the time while everybody talks, beside the kills: objects are thrown out of memory, and the archiver is killed.
import type { Faults } from "./deployment.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

const EVERY_MS = { from: 200, to: 1_200 };
/** Of the times that something is done. */
const ARCHIVER_SHARE = 0.08;

export interface Beside {
  evictions: number;
  archiver_kills: number;
}

/** Returns what ends it, and says how often what was done. */
export function breakBeside(world: World, faults: Faults, random: Random): () => Promise<Beside> {
  const done: Beside = { evictions: 0, archiver_kills: 0 };
  const over = new AbortController();
  const running = (async () => {
    for (;;) {
      await waited(random.int(EVERY_MS.from, EVERY_MS.to), over.signal);
      if (over.signal.aborted) return;
      if (random.chance(ARCHIVER_SHARE)) done.archiver_kills += faults.killArchiver() ? 1 : 0;
      else if (await faults.evict(pick(world, random))) done.evictions += 1;
    }
  })();
  return async () => {
    over.abort();
    await running;
    return done;
  };
}

function pick({ journal, plan }: World, random: Random): { user_id: string } | { conversation_id: string } {
  const id = journal.idOf(random.pick(plan.standing).label);
  if (id === undefined || random.chance(0.5)) return { user_id: random.pick(plan.regulars) };
  return { conversation_id: id };
}

function waited(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
