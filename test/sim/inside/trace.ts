// All that happens, as one number, and on request as lines that a person can read.

export class Trace {
  readonly lines: string[] = [];
  #hash = 0x811c9dc5;
  #second = 0x1000193;
  readonly #kept: boolean;

  /** @param kept as lines, too */
  constructor(kept: boolean) {
    this.#kept = kept;
  }

  happened(at: number, owner: string, what: string): void {
    this.#mix(what);
    this.#hash = Math.imul(this.#hash ^ at, 0x01000193);
    if (this.#kept) this.lines.push(`${(at / 1_000).toFixed(3).padStart(9)} ${owner.padEnd(26)} ${what}`);
  }

  /** What was sent. */
  noted(what: string): void {
    this.#mix(what);
    if (this.#kept) this.lines.push(`${" ".repeat(37)}  ${what.length > 400 ? `${what.slice(0, 400)}…` : what}`);
  }

  /** The product's log, and what the simulation says. */
  said(line: string): void {
    if (this.#kept) this.lines.push(`${" ".repeat(37)}| ${line}`);
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0") + (this.#second >>> 0).toString(16).padStart(8, "0");
  }

  #mix(text: string): void {
    let hash = this.#hash;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.#hash = hash;
    this.#second = Math.imul(this.#second ^ hash, 0x5bd1e995) + 1;
  }
}
