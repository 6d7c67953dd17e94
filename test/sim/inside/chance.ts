// Chance from a seed. Streams of one seed have nothing in common, so that what one part draws never shifts what another finds.

export class Chance {
  #state: number;

  constructor(seed: number, stream: string) {
    this.#state = seed;
    for (const unit of stream) this.#state = Math.imul(this.#state ^ unit.charCodeAt(0), 0x01000193);
    this.next();
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** Both ends included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  is(probability: number): boolean {
    return this.next() < probability;
  }

  /** Throws where there is nothing to choose from. */
  of<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error("nothing to choose from");
    return items[this.below(items.length)] as T;
  }

  /** Mostly near the lower end: what is slow is rare. */
  skewed(from: number, to: number): number {
    return Math.round(from + (to - from) * this.next() ** 3);
  }
}
