// Lets several runs in one process take turns at their effects, in an order that a seed alone decides: whatever the machine does
// meanwhile, the same seed gives the same order.

export class Interleaving {
  readonly #below: (below: number) => number;
  /** Of each run the effects that wait for their turn. */
  readonly #parked: (() => void)[][] = [];
  readonly #ended: boolean[] = [];
  #changed: () => void = () => undefined;

  constructor(below: (below: number) => number) {
    this.#below = below;
  }

  /** To be awaited by a run before each of its effects. @param run its place in `together` */
  turn(run: number): Promise<void> {
    return new Promise((go) => {
      this.#parked[run]?.push(go);
      this.#changed();
    });
  }

  /** Until all have ended. None may throw. */
  async together(runs: readonly (() => Promise<void>)[]): Promise<void> {
    for (const [i] of runs.entries()) {
      this.#parked[i] = [];
      this.#ended[i] = false;
    }
    const all = Promise.all(runs.map(async (run, i) => {
      await run().finally(() => {
        this.#ended[i] = true;
        this.#changed();
      });
    }));
    // From taking turns strictly by chance to long stretches of one.
    const staying = this.#below(9);
    for (let last = 0; await this.#atRest();) {
      const ready = this.#parked.flatMap((waiting, i) => (waiting.length > 0 && !this.#ended[i] ? [i] : []));
      last = ready.includes(last) && this.#below(10) < staying ? last : (ready[this.#below(ready.length)] as number);
      const waiting = this.#parked[last] as (() => void)[];
      waiting.splice(this.#below(waiting.length), 1)[0]?.();
      await new Promise(setImmediate);
    }
    // What a run asked for at once and did not wait for.
    for (const go of this.#parked.flat()) go();
    await new Promise(setImmediate);
    await all;
  }

  /** Each waits for its turn or has ended. @returns whether one waits */
  async #atRest(): Promise<boolean> {
    while (this.#ended.some((ended, i) => !ended && this.#parked[i]?.length === 0)) await new Promise<void>((changed) => (this.#changed = changed));
    return this.#ended.includes(false);
  }
}
