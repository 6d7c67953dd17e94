// A log file that is bounded: past its limit it becomes NAME.1, and the oldest goes.
import { appendFileSync, existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import path from "node:path";

export interface Bounds {
  /** Of one file. */
  readonly bytes: number;
  /** How many older files are kept beside the current one. */
  readonly older: number;
}

const BOUNDS: Bounds = { bytes: 8 * 1024 * 1024, older: 3 };

export class LogFile {
  readonly #file: string;
  readonly #bounds: Bounds;
  #size: number;
  #waiting: string[] = [];
  #failed = false;

  constructor(file: string, bounds: Bounds = BOUNDS) {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    this.#file = file;
    this.#bounds = bounds;
    this.#size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** `line` without its newline. Lines of one turn of the event loop are written together. */
  write(line: string): void {
    if (this.#waiting.length === 0) setImmediate(() => this.flush());
    this.#waiting.push(line);
  }

  flush(): void {
    if (this.#waiting.length === 0) return;
    const bytes = Buffer.from(`${this.#waiting.join("\n")}\n`);
    this.#waiting = [];
    try {
      if (this.#size > 0 && this.#size + bytes.length > this.#bounds.bytes) this.#rotate();
      appendFileSync(this.#file, bytes, { mode: 0o600 });
      this.#size += bytes.length;
      this.#failed = false;
    } catch (error) {
      // Chat must not end because the log can't be written; said once, or a full disk would flood the terminal.
      if (!this.#failed) console.error(`cannot write ${this.#file}: ${String(error)}`);
      this.#failed = true;
    }
  }

  #rotate(): void {
    for (let age = this.#bounds.older; age >= 1; age -= 1) {
      const younger = age === 1 ? this.#file : `${this.#file}.${age - 1}`;
      if (existsSync(younger)) renameSync(younger, `${this.#file}.${age}`);
    }
    this.#size = 0;
  }
}
