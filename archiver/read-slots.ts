// How many reads the archiver answers at once. One more is refused at once with a time to come back: while the store is slow,
// reads that wait would only pile up behind those that their callers have given up.
import { ChatError } from "../protocol/errors.ts";
import type { Metrics } from "./metrics.ts";

/** ms, and as much again by chance: whoever was refused together must not come back together. */
const RETRY_AFTER_MS = 500;

export class ReadSlots {
  readonly #most: number;
  readonly #metrics: Metrics;
  readonly #random: () => number;
  #taken = 0;

  /** @param random in [0, 1) */
  constructor(most: number, metrics: Metrics, random: () => number) {
    this.#most = most;
    this.#metrics = metrics;
    this.#random = random;
  }

  /** Throws `archive_unavailable` where all are taken. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#most) {
      this.#metrics.readsRefused.inc();
      throw new ChatError("archive_unavailable", { retry_after_ms: RETRY_AFTER_MS + Math.floor(this.#random() * RETRY_AFTER_MS) });
    }
    this.#take(1);
    try {
      return await work();
    } finally {
      this.#take(-1);
    }
  }

  #take(by: number): void {
    this.#taken += by;
    this.#metrics.readsInFlight.set(this.#taken);
  }
}
