// What the messages of the search bench say, and what is searched for in them: words as often as people use them, a tenth of
// the messages in a script without spaces. The same texts in every run.

/** Words of a language that nobody speaks, the first the most frequent. */
const WORDS = Array.from({ length: 30_000 }, (_, i) => ((i * 7_919 + 1_000_003) % 11_881_376).toString(26).replace(/\d/g, (digit) => "klmnopqrst"[Number(digit)] as string));
const CHARACTERS = Array.from({ length: 3_000 }, (_, i) => String.fromCodePoint(0x4e00 + i));
const PER_MESSAGE = 25;
const CHARACTERS_PER_MESSAGE = 40;

export class Texts {
  #state = 12_345;

  message(nth: number): string {
    return nth % 10 === 9 ? Array.from({ length: CHARACTERS_PER_MESSAGE }, () => this.#pick(CHARACTERS, 3)).join("") : Array.from({ length: PER_MESSAGE }, () => this.#pick(WORDS, 4)).join(" ");
  }

  /** One that many messages have: in the first, nine of ten. */
  common(): string {
    return WORDS[Math.floor(this.#random() * 20)] as string;
  }

  rare(): string {
    return WORDS[20_000 + Math.floor(this.#random() * 10_000)] as string;
  }

  any(): string {
    return this.#pick(WORDS, 4);
  }

  character(): string {
    return this.#pick(CHARACTERS, 3);
  }

  #pick(from: readonly string[], steep: number): string {
    return from[Math.floor(this.#random() ** steep * from.length)] as string;
  }

  /** Mulberry32. */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }
}
