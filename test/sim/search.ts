// `node test/sim/search.ts [--seeds 1-1000] [NAME…]`: finds for each mutant a seed that catches it, the first or nearly.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { bundle } from "./build.ts";
import type { Outcome } from "./inside/simulation.ts";
import { MUTANTS } from "./mutants.ts";
import { run, type Seeds } from "./run.ts";

const { values, positionals } = parseArgs({ options: { seeds: { type: "string", default: "1-1000" } }, allowPositionals: true });
const [from = 1, to = from] = values.seeds.split("-").map(Number);

const sound = await bundle();

/** A seed that breaks a rule without the mutant as well says nothing of it. */
async function isSound(seed: number): Promise<boolean> {
  let broken = false;
  await run(sound, { from: seed, to: seed }, 1, false, ({ breaches }) => {
    broken = breaches.length > 0;
    return true;
  });
  return !broken;
}

async function first(program: string, seeds: Seeds): Promise<Outcome | null> {
  let found: Outcome | null = null;
  await run(program, seeds, availableParallelism(), false, (outcome) => {
    if (outcome.breaches.length > 0 && (found === null || outcome.seed < found.seed)) found = outcome;
    return found !== null;
  });
  return found;
}

for (const mutant of MUTANTS) {
  if (positionals.length > 0 && !positionals.some((text) => mutant.name.includes(text))) continue;
  const program = await bundle(mutant);
  let found = await first(program, { from, to });
  while (found !== null && !(await isSound(found.seed))) found = await first(program, { from: found.seed + 1, to });
  process.stdout.write(`${found?.seed ?? "NOT CAUGHT"}\t${mutant.name}\t${found?.breaches[0]?.join(": ").slice(0, 160) ?? ""}\n`);
}
