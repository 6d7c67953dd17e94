// `npm run bench`: the load generator. Product and bare Worker run side by side, and their rounds alternate, so that what else
// the machine does befalls both.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildBare } from "./bare/build.ts";
import type { Encoding } from "../protocol/encodings.ts";
import { connectAll, type Device } from "./device.ts";
import { figuresOf, goalsOf, type Outcome, ratioOf } from "./figures.ts";
import { type Options, readOptions, USAGE, UsageError } from "./options.ts";
import { goalLine, table } from "./report.ts";
import { type Round, runRound, warmUp } from "./round.ts";
import { remoteTarget, startTarget, type Target } from "./target.ts";
import { WIRES } from "./wire.ts";
import { DESCRIPTIONS, type Load, prepare, USERS, type WorkloadName } from "./workloads.ts";

/** What a busy conversation leaves to its alarm is done after this. */
const SETTLED_MS = 3_500;
const QUIET_WINDOW_MS = 500;
/** Of a core. */
const QUIET_SHARE = 0.1;
const QUIET_WITHIN_MS = 60_000;
const WARM_UP_SECONDS = 3;

interface Party {
  name: string;
  target: Target;
  devices: Device[];
}

interface Run {
  load: Load;
  rounds: Round[];
  rowsBefore: number | null;
}

async function party(name: string, target: Target, encoding: Encoding, receipts: boolean): Promise<Party> {
  return { name, target, devices: await connectAll(target, Array.from({ length: USERS }, (_, i) => `bench-${i}`), WIRES[encoding], receipts) };
}

/** A failure says whose it is. */
async function named<T>(name: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Waits until nobody works off what a round has left. */
async function quiet(parties: readonly Party[]): Promise<void> {
  const spent = (): number => parties.reduce((sum, { target }) => sum + (target.cpu()?.server ?? 0) + (target.cpu()?.archiver ?? 0), 0);
  const deadline = performance.now() + QUIET_WITHIN_MS;
  await sleep(SETTLED_MS);
  for (;;) {
    const before = spent();
    await sleep(QUIET_WINDOW_MS);
    if (spent() - before <= QUIET_WINDOW_MS * QUIET_SHARE) return;
    if (performance.now() > deadline) {
      console.log(`(still at work after ${QUIET_WITHIN_MS / 1_000} s)`);
      return;
    }
  }
}

async function measure(workload: WorkloadName, parties: readonly Party[], { seconds, rounds }: Options): Promise<Outcome> {
  const runs: Run[] = [];
  for (const { name, target, devices } of parties) {
    const run = { load: await prepare(workload, target, devices), rounds: [], rowsBefore: await target.rowsWritten() };
    runs.push(run);
    await named(name, warmUp(run.load, Math.min(seconds, WARM_UP_SECONDS)));
  }
  for (let round = 1; round <= rounds; round += 1) {
    for (const [i, run] of runs.entries()) {
      await quiet(parties);
      const { name, target } = parties[i] as Party;
      run.rounds.push(await named(name, runRound(target, run.load, seconds)));
    }
  }
  await quiet(parties);
  const figures = await Promise.all(runs.map(async ({ load, rounds: done, rowsBefore }, i) => {
    const rows = await (parties[i] as Party).target.rowsWritten();
    load.traffic.end();
    await load.close?.();
    return figuresOf(done, rows === null || rowsBefore === null ? null : (rows - rowsBefore) / load.traffic.sent);
  }));
  const [product = [], against = []] = runs.map((run) => run.rounds);
  return {
    workload, description: DESCRIPTIONS[workload], product: figures[0] as Outcome["product"], against: figures[1] ?? null,
    ratio: ratioOf(product, against), rounds: { product, against },
  };
}

/** @param bare the folder of the bare Worker's build */
function startOther(against: NonNullable<Options["against"]>, { bundle, receipts }: Options, bare: string): Promise<Target> {
  if (against === "no-receipts") return startTarget(bundle, false);
  return against === "bare" ? startTarget(bare, false) : startTarget(against.bundle, receipts);
}

async function bench(options: Options): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "confab-bare-"));
  const targets: Target[] = [];
  const stop = async (keep: boolean): Promise<void> => {
    await Promise.all(targets.splice(0).map((target) => target.stop(keep)));
    rmSync(folder, { recursive: true, force: true });
  };
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    process.once(signal, () => void stop(false).finally(() => process.exit(code)));
  }
  try {
    targets.push(options.remote === null ? await startTarget(options.bundle, options.receipts) : remoteTarget(options.remote.url, options.remote.tokenCommand));
    if (options.against === "bare") await buildBare(folder);
    if (options.against !== null) targets.push(await startOther(options.against, options, folder));
    const parties: Party[] = [];
    for (const [i, target] of targets.entries()) parties.push(i === 0 ? await party("the product", target, options.encoding, options.receipts) : await party("what it is compared with", target, "json", options.receipts && typeof options.against === "object"));
    const outcomes: Outcome[] = [];
    for (const workload of options.workloads) {
      console.log(`${workload}: ${DESCRIPTIONS[workload]}`);
      outcomes.push(await measure(workload, parties, options));
    }
    await Promise.all(parties.flatMap(({ devices }) => devices.map((device) => device.close())));
    report(options, outcomes);
    await stop(false);
  } catch (error) {
    await stop(true);
    throw error;
  }
}

function report(options: Options, outcomes: readonly Outcome[]): void {
  const goals = outcomes.flatMap((outcome) => goalsOf(outcome).map((goal) => ({ workload: outcome.workload, ...goal })));
  console.log(`\n${table(outcomes)}\n`);
  console.log(`Medians of ${options.rounds} rounds of ${options.seconds} s, the longest of all rounds as max; latencies in ms; CPU ms and rows for each acknowledged message;`);
  console.log(`the generator's CPU ms for each message and its share of a core; "÷ other": rate of delivery, and server CPU for each message.\n`);
  for (const goal of goals) console.log(`${goal.workload.padEnd(8)}  ${goalLine(goal)}`);
  if (options.json === null) return;
  const machine = { cores: availableParallelism(), model: cpus()[0]?.model ?? "unknown", load_average: loadavg() };
  const { remote, seconds, rounds, against, encoding } = options;
  writeFileSync(options.json, `${JSON.stringify({
    version: 1, at: new Date().toISOString(), node: process.version, machine,
    url: remote?.url ?? null, against: typeof against === "object" && against !== null ? "another build" : against, encoding, seconds, rounds, goals, workloads: outcomes,
  }, null, 2)}\n`);
}

try {
  await bench(readOptions(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : `bench: ${error instanceof Error ? error.message : String(error)}`);
  // Sockets may still be open: a deployment that runs on does not close them.
  process.exit(1);
}
