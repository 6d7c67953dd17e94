// Bytes that work in hand may take at once, over all lanes.

export class Budget {
  readonly #limit: number;
  readonly #waiting: { bytes: number; go: () => void }[] = [];
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** Runs `work` once its bytes are free, in the order of asking. What is larger than all there is goes alone. */
  async hold<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const held = Math.min(bytes, this.#limit);
    if (this.#waiting.length > 0 || this.#used + held > this.#limit) {
      await new Promise<void>((go) => this.#waiting.push({ bytes: held, go }));
    } else {
      this.#used += held;
    }
    try {
      return await work();
    } finally {
      this.#used -= held;
      this.#admit();
    }
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#used + next.bytes <= this.#limit; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += next.bytes;
      next.go();
    }
  }
}
