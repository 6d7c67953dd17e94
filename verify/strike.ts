// The fault of one round: waits for its moment, strikes, and brings the deployment back.
import type { Faults } from "./deployment.ts";
import type { Fault, Moment } from "./faults.ts";
import type { Journal } from "./journal.ts";

export class Strike {
  /** ms from the kill until it served again; null before. */
  downMs: number | null = null;
  struck = false;
  private readonly faults: Faults;
  private readonly fault: Fault;
  private back: Promise<void> = Promise.resolve();
  private disarm: () => void = () => undefined;

  constructor(faults: Faults, fault: Fault) {
    this.faults = faults;
    this.fault = fault;
  }

  get phase(): Moment["phase"] {
    return this.fault.moment.phase;
  }

  /** The phase begins: waits for its moment. */
  arm(phase: Moment["phase"], journal: Journal): void {
    const { moment } = this.fault;
    if (moment.phase !== phase) return;
    if (moment.at === "time") {
      const timer = setTimeout(() => this.now(), moment.ms);
      this.disarm = () => clearTimeout(timer);
    } else if (moment.at === "sight") {
      this.disarm = journal.onSight(({ type }) => {
        if (type === "created") this.now();
      });
    } else {
      let left = moment.count;
      this.disarm = journal.onAck(() => {
        left -= 1;
        if (left === 0) this.now();
      });
    }
  }

  /** Kills within this turn; only once. */
  now(): void {
    if (this.struck) return;
    this.struck = true;
    const at = performance.now();
    this.faults.kill(this.fault.victim);
    this.back = this.faults.restore(this.fault.victim).then(() => {
      this.downMs = performance.now() - at;
    });
    // Whoever waits for it gets the error; until then it must not end the process.
    this.back.catch(() => undefined);
  }

  /** The phase is over: strikes now if its moment never came. Resolves when the deployment serves again. */
  async over(phase: Moment["phase"]): Promise<void> {
    this.disarm();
    if (this.fault.moment.phase === phase) this.now();
    await this.back;
  }
}
