// A running `scripts/start.ts` as a test sees it: a process and the lines that it prints.
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { isAlive } from "./processes.ts";

const START = fileURLToPath(new URL("../../scripts/start.ts", import.meta.url));
const LINE_MS = 60_000;

/** The start ended before it printed what was waited for. */
export class StartEnded extends Error {
  override readonly name = "StartEnded";
  readonly code: number | null;
  readonly output: string;

  constructor(code: number | null, output: string) {
    super(`start ended with code ${code}:\n${output}`);
    this.code = code;
    this.output = output;
  }
}

export class StartProcess {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #closed: Promise<void>;
  #ended = false;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    // The channel is what ends the product when the test process dies, however it dies.
    this.#child = spawn(process.execPath, [START, ...args], { env, stdio: ["ignore", "pipe", "pipe", "ipc"] });
    this.#child.channel?.unref();
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => {
        this.#lines.push(line);
        this.#tell();
      });
    }
    this.#closed = new Promise((resolve) => {
      this.#child.once("close", () => {
        this.#ended = true;
        this.#tell();
        resolve();
      });
    });
  }

  /** null once it has ended. */
  get pid(): number | null {
    const { pid } = this.#child;
    return pid !== undefined && isAlive(pid) ? pid : null;
  }

  get code(): number | null {
    return this.#child.exitCode;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** The first line from index `from` on that matches. Rejects with StartEnded, or after a minute. */
  untilLine(pattern: RegExp, from = 0): Promise<string> {
    return new Promise((resolve, reject) => {
      const done = (settle: () => void): void => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        settle();
      };
      const look = (): void => {
        const line = this.#lines.slice(from).find((candidate) => pattern.test(candidate));
        if (line !== undefined) done(() => resolve(line));
        else if (this.#ended) done(() => reject(new StartEnded(this.#child.exitCode, this.#lines.join("\n"))));
      };
      const timer = setTimeout(
        () => done(() => reject(new Error(`start printed no ${String(pattern)} in ${LINE_MS} ms:\n${this.#lines.join("\n")}`))),
        LINE_MS,
      );
      this.#listeners.add(look);
      look();
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when it has ended and all of its output was read. */
  ended(): Promise<void> {
    return this.#closed;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
