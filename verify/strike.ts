// The faults of one round: each waits for its moment, strikes, and brings the deployment back; then the next one waits.
import type { Faults } from "./deployment.ts";
import type { Fault, Moment } from "./faults.ts";
import type { Journal } from "./journal.ts";

export interface Struck {
  fault: Fault;
  /** ms from the kill until it served again. */
  down_ms: number;
}

export class Strikes {
  readonly struck: Struck[] = [];
  private readonly faults: Faults;
  private readonly journal: Journal;
  private readonly waiting: Fault[];
  private phase: Moment["phase"] | null = null;
  private back: Promise<void> = Promise.resolve();
  private disarm: () => void = () => undefined;

  constructor(faults: Faults, journal: Journal, planned: readonly Fault[]) {
    this.faults = faults;
    this.journal = journal;
    this.waiting = [...planned];
  }

  has(phase: Moment["phase"]): boolean {
    return this.waiting.some(({ moment }) => moment.phase === phase);
  }

  /** The phase begins: waits for the moment of its first fault. */
  arm(phase: Moment["phase"]): void {
    this.phase = phase;
    this.disarm();
    const next = this.waiting.find(({ moment }) => moment.phase === phase);
    if (next === undefined) return;
    const { moment } = next;
    if (moment.at === "time") {
      const timer = setTimeout(() => this.now(next), moment.ms);
      this.disarm = () => clearTimeout(timer);
    } else if (moment.at === "sight") {
      this.disarm = this.journal.onSight(({ type }) => {
        if (type === "created") this.now(next);
      });
    } else {
      let left = moment.count;
      this.disarm = this.journal.onAck(() => {
        left -= 1;
        if (left === 0) this.now(next);
      });
    }
  }

  /** The phase is over: strikes now what has not had its moment. Resolves when the deployment serves again. */
  async over(phase: Moment["phase"]): Promise<void> {
    if (this.phase === phase) this.phase = null;
    this.disarm();
    await this.back;
    for (let next = this.next(phase); next !== undefined; next = this.next(phase)) {
      this.now(next);
      await this.back;
    }
  }

  private next(phase: Moment["phase"]): Fault | undefined {
    return this.waiting.find(({ moment }) => moment.phase === phase);
  }

  /** Kills within this turn. */
  private now(fault: Fault): void {
    const place = this.waiting.indexOf(fault);
    if (place === -1) return;
    this.waiting.splice(place, 1);
    this.disarm();
    const at = performance.now();
    this.faults.kill(fault.victim);
    this.back = this.faults.restore(fault.victim).then(() => {
      this.struck.push({ fault, down_ms: performance.now() - at });
      if (this.phase === fault.moment.phase) this.arm(this.phase);
    });
    // Whoever waits for it gets the error; until then it must not end the process.
    this.back.catch(() => undefined);
  }
}
