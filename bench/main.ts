// `npm run bench`: the load generator, and what it tells of the product beside others in the same run.
import { rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import type { Outcome } from "./figures.ts";
import { goalsOf } from "./goals.ts";
import { Measurement } from "./measure.ts";
import { type Options, readOptions, USAGE, UsageError } from "./options.ts";
import { bareFolder, partiesOf } from "./parties.ts";
import { goalLine, table, warnings } from "./report.ts";
import { DESCRIPTIONS } from "./workloads.ts";

async function bench(options: Options): Promise<void> {
  const folder = bareFolder();
  const measurement = new Measurement(options);
  const stop = async (keep: boolean): Promise<void> => {
    await measurement.stop(keep);
    rmSync(folder, { recursive: true, force: true });
  };
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    process.once(signal, () => void stop(false).finally(() => process.exit(code)));
  }
  try {
    const parties = await partiesOf(options, folder);
    const outcomes: Outcome[] = [];
    for (const workload of options.workloads) {
      console.log(`${workload}: ${DESCRIPTIONS[workload]}`);
      outcomes.push(await measurement.run(workload, parties));
      save(options, outcomes);
    }
    await report(options, outcomes);
    await stop(false);
  } catch (error) {
    await stop(true);
    throw error;
  }
}

async function report(options: Options, outcomes: readonly Outcome[]): Promise<void> {
  const { seconds, rounds, receipts } = options;
  console.log(`\n${table(outcomes)}\n`);
  console.log(`Medians of ${rounds} rounds of ${seconds} s, the longest of all rounds as max; latencies in ms, those of an open loop from when a message was due;`);
  console.log(`CPU ms, bytes and rows for each acknowledged message; the busiest generator process's share of a core; ${receipts ? "with" : "without"} receipts.\n`);
  for (const goal of outcomes.flatMap((outcome) => goalsOf(outcome))) console.log(goalLine(goal));
  for (const warning of warnings(outcomes)) console.log(warning);
  if (options.chart !== null) {
    const { drawn } = await import("./drawing.ts");
    writeFileSync(options.chart, drawn(outcomes));
  }
}

/** After each workload: a run that is broken off leaves what it has. */
function save({ json, remote, seconds, rounds, encoding, receipts }: Options, outcomes: readonly Outcome[]): void {
  if (json === null) return;
  const machine = { cores: availableParallelism(), model: cpus()[0]?.model ?? "unknown", load_average: loadavg() };
  const result = {
    version: 2, at: new Date().toISOString(), node: process.version, machine, url: remote?.url ?? null, encoding, receipts, seconds, rounds,
    goals: outcomes.flatMap((outcome) => goalsOf(outcome)), workloads: outcomes,
  };
  writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`);
}

try {
  await bench(readOptions(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : `bench: ${error instanceof Error ? error.message : String(error)}`);
  // Sockets may still be open: a deployment that runs on does not close them.
  process.exit(1);
}
