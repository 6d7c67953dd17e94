// `node test/sim/search.ts [--seeds 1-1000] [NAME…]`: finds for each mutant the first seed that catches it.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { bundle } from "./build.ts";
import type { Outcome } from "./inside/simulation.ts";
import { MUTANTS } from "./mutants.ts";
import { run } from "./run.ts";

const { values, positionals } = parseArgs({ options: { seeds: { type: "string", default: "1-1000" } }, allowPositionals: true });
const [from = 1, to = from] = values.seeds.split("-").map(Number);

for (const mutant of MUTANTS) {
  if (positionals.length > 0 && !positionals.some((text) => mutant.name.includes(text))) continue;
  let first: Outcome | null = null;
  await run(await bundle(mutant), { from, to }, availableParallelism(), false, (outcome) => {
    if (outcome.breaches.length > 0 && (first === null || outcome.seed < first.seed)) first = outcome;
    return first !== null;
  });
  const found = first as Outcome | null;
  process.stdout.write(`${found?.seed ?? "NOT CAUGHT"}\t${mutant.name}\t${found?.breaches[0]?.join(": ").slice(0, 160) ?? ""}\n`);
}
