// One workload, measured: parties and their generators are started, their rounds alternate so that what else the machine does
// befalls all of them, and everything is ended again.
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { figuresOf, MAIN, type Outcome, type PartyOutcome, ratioOf } from "./figures.ts";
import { Fleet } from "./fleet.ts";
import type { Options } from "./options.ts";
import type { Party } from "./parties.ts";
import { profileRound } from "./profile.ts";
import { catchUpRound, type Round, runRound, warmUp } from "./round.ts";
import { idleRound } from "./idle.ts";
import type { Target } from "./target.ts";
import { DESCRIPTIONS, type Plan, planOf, type WorkloadName } from "./workloads.ts";

/** What a busy conversation leaves to its alarm is done after this. */
const SETTLED_MS = 3_500;
const QUIET_WINDOW_MS = 500;
/** Of a core. */
const QUIET_SHARE = 0.1;
const QUIET_WITHIN_MS = 60_000;
const WARM_UP_SECONDS = 3;
/** Of a core: a generator that is busier in the warm-up gets one more process. */
const BUSY = 0.7;

interface Runner {
  party: Party;
  target: Target;
  fleet: Fleet | null;
  rounds: Round[];
  rowsBefore: number | null;
  storedBefore: number | null;
}

export class Measurement {
  private readonly options: Options;
  private runners: Runner[] = [];

  constructor(options: Options) {
    this.options = options;
  }

  /** @param keep what the servers stored, and their logs */
  async stop(keep: boolean): Promise<void> {
    const ending = this.runners;
    this.runners = [];
    await Promise.all(ending.map(async ({ target, fleet }) => {
      await fleet?.close();
      await target.stop(keep);
    }));
  }

  async run(workload: WorkloadName, parties: readonly Party[]): Promise<Outcome> {
    const plan = planOf(workload, this.options.sockets);
    for (const party of parties) {
      const target = await named(party.name, party.start());
      this.runners.push({ party, target, fleet: null, rounds: [], rowsBefore: null, storedBefore: null });
    }
    const generators = await this.prepare(plan);
    for (let round = 1; round <= (plan.kind === "idle" ? 1 : this.options.rounds); round += 1) {
      for (const runner of this.runners) {
        await quiet(this.runners);
        runner.rounds.push(await named(runner.party.name, this.round(plan, runner)));
      }
    }
    await quiet(this.runners);
    const outcome = await this.outcome(workload, generators);
    const [product] = this.runners;
    if (this.options.profile !== null && product?.fleet) await profileRound(product.target, this.options.profile, this.options.workloads.length > 1 ? workload : null, () => this.round(plan, product));
    await this.stop(false);
    return outcome;
  }

  /** Connects everybody and warms up, with one more generator process as long as one is too busy. Returns their number. */
  private async prepare(plan: Plan): Promise<number> {
    const most = plan.kind !== "load" || plan.viewers !== undefined ? 1 : availableParallelism();
    for (let count = this.options.generators ?? 1; ; count += 1) {
      let busiest = 0;
      for (const runner of this.runners) busiest = Math.max(busiest, await named(runner.party.name, this.ready(runner, plan, count)));
      if (this.options.generators !== null || busiest < BUSY || count >= most) return count;
      console.log(`  a generator process is busy ${Math.round(busiest * 100)}% of the time: with ${count + 1} of them`);
      for (const runner of this.runners) await runner.fleet?.close();
    }
  }

  /** Returns the busiest process's share of a core. */
  private async ready(runner: Runner, plan: Plan, count: number): Promise<number> {
    if (plan.kind === "idle") return 0;
    runner.fleet = await Fleet.raise(runner.target.spoken, plan, count);
    runner.rowsBefore = await runner.target.rowsWritten();
    runner.storedBefore = await runner.target.stored();
    if (plan.kind === "load") return warmUp(runner.fleet, Math.min(this.options.seconds, WARM_UP_SECONDS));
    await runner.fleet.miss();
    await runner.fleet.catchUp();
    return 0;
  }

  private round(plan: Plan, { target, fleet }: Runner): Promise<Round> {
    if (plan.kind === "idle") return idleRound(target, plan);
    if (fleet === null) throw new Error("nobody is connected");
    return (plan.kind === "load" ? runRound : catchUpRound)(target, fleet, this.options.seconds);
  }

  private async outcome(workload: WorkloadName, generators: number): Promise<Outcome> {
    const main = MAIN[workload];
    const product = this.runners[0]?.rounds ?? [];
    const parties = await Promise.all(this.runners.map(async ({ party, target, fleet, rounds, rowsBefore, storedBefore }, i): Promise<PartyOutcome> => {
      const [rows, stored] = [await target.rowsWritten(), await target.stored()];
      const messages = fleet?.messages ?? 0;
      if (stored !== null && storedBefore !== null && stored - storedBefore < messages) throw new Error(`${party.name} has stored ${stored - storedBefore} of ${messages} acknowledged messages`);
      return {
        name: party.name, rounds, ...figuresOf(rounds, rows === null || rowsBefore === null || messages === 0 ? null : (rows - rowsBefore) / messages),
        ratio: i === 0 ? null : ratioOf(main, product, rounds),
      };
    }));
    return { workload, description: DESCRIPTIONS[workload], main, generators, parties: parties as Outcome["parties"] };
  }
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
async function quiet(runners: readonly Runner[]): Promise<void> {
  const spent = (): number => runners.reduce((sum, { target }) => sum + (target.cpu()?.server ?? 0), 0);
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
