// Lets a number of calls through at once. A slow one gives its place back while it is still under way, so that it delays
// nobody; one that takes too long counts as failed. One timer serves all calls under way: one for each cost a tenth of the
// CPU of a delivery.
import type { Settings } from "../../protocol/settings.ts";

interface Flight {
  /** ms */
  since: number;
  holds: boolean;
  fail(error: Error): void;
}

export class Gate {
  private readonly flights = new Set<Flight>();
  private readonly waiting: (() => void)[] = [];
  private taken = 0;
  private impatient: (() => void) | null = null;
  private timer: ReturnType<typeof setInterval> | null = null;
  private readonly rule: () => Pick<Settings, "fanout_width" | "deliver_timeout_ms">;
  private readonly slowMs: number;

  /** @param slowMs how long a call may take before it is slow; noticed after at most twice that */
  constructor(rule: () => Pick<Settings, "fanout_width" | "deliver_timeout_ms">, slowMs: number) {
    this.rule = rule;
    this.slowMs = slowMs;
  }

  through<T>(call: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const start = () => {
        const flight: Flight = { since: Date.now(), holds: true, fail: reject };
        this.taken += 1;
        this.flights.add(flight);
        // With nothing under way there is no timer, which would keep the object from hibernating.
        this.timer ??= setInterval(() => this.tick(), this.slowMs);
        call().then((value) => {
          this.landed(flight);
          resolve(value);
        }, (error: unknown) => {
          this.landed(flight);
          reject(error as Error);
        });
      };
      if (this.taken >= this.rule().fanout_width) this.waiting.push(start);
      else start();
    });
  }

  /** Resolves once `work` is done or a call has become slow. One at a time. */
  patiently(work: Promise<unknown>): Promise<unknown> {
    return Promise.race([work, new Promise<void>((resolve) => {
      this.impatient = resolve;
    })]);
  }

  private tick(): void {
    const now = Date.now();
    const { deliver_timeout_ms } = this.rule();
    for (const flight of this.flights) {
      if (now - flight.since < this.slowMs) continue;
      this.impatient?.();
      this.release(flight);
      if (now - flight.since < deliver_timeout_ms) continue;
      flight.fail(new Error("the delivery took too long"));
      this.landed(flight);
    }
  }

  private landed(flight: Flight): void {
    this.release(flight);
    this.flights.delete(flight);
    if (this.flights.size > 0 || this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
  }

  private release(flight: Flight): void {
    if (!flight.holds) return;
    flight.holds = false;
    this.taken -= 1;
    this.waiting.shift()?.();
  }
}
