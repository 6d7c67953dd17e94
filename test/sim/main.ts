// `npm run simulate -- --seeds 1-10000`: runs seeds and says which break a rule. `--seed N --trace`: one seed, with all that happens.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { bundle } from "./build.ts";
import type { Outcome } from "./inside/simulation.ts";
import { run } from "./run.ts";

const { values } = parseArgs({
  options: { seeds: { type: "string", default: "1-200" }, seed: { type: "string" }, trace: { type: "boolean", default: false }, threads: { type: "string" } },
});
const [from = 1, to = from] = (values.seed ?? values.seeds).split("-").map(Number);
const threads = Number(values.threads ?? availableParallelism());
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const started = Date.now();
const total = { seeds: 0, failed: 0, steps: 0, events: 0, sent: 0, lasted: 0 };
await run(await bundle(), { from, to }, threads, values.trace, (outcome: Outcome) => {
  for (const line of outcome.lines) print(line);
  for (const [rule, what] of outcome.breaches) print(`seed ${outcome.seed}: ${rule}: ${what}`);
  total.seeds += 1;
  total.failed += outcome.breaches.length > 0 ? 1 : 0;
  total.steps += outcome.steps;
  total.events += outcome.events;
  total.sent += outcome.sent;
  total.lasted += outcome.lasted;
  if (values.seed !== undefined) print(`seed ${outcome.seed}: hash ${outcome.hash}, ${outcome.steps} steps, ${outcome.sent} sent, ${outcome.events} delivered`);
  return false;
});
const seconds = (Date.now() - started) / 1_000;
print(`${total.seeds} seeds, ${total.failed} failed; ${total.sent} sent, ${total.events} delivered, ${total.steps} steps in ${seconds.toFixed(1)} s, ${((seconds * threads * 1_000) / total.seeds).toFixed(0)} ms a seed and thread`);
process.exitCode = total.failed > 0 ? 1 : 0;
