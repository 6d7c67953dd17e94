// Keeps one child running: starts it, waits until it serves, and starts it again, ever more slowly, when it ends.
import type { ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";

export interface ChildSpec {
  readonly name: string;
  /** Ends what may be left of an earlier process. */
  clear(): Promise<void>;
  launch(): ChildProcess;
  /** Resolves when it serves; rejects with the reason when it never will. */
  untilServing(child: ChildProcess, signal: AbortSignal): Promise<void>;
  /** Asks it to end by itself. */
  ask(child: ChildProcess): void;
}

export interface Notices {
  /** `reason` says how it ended. */
  down(name: string, reason: string): void;
  back(name: string, afterMs: number): void;
}

/** The child's first process ended, or never served; the message is the reason. */
export class NotServing extends Error {
  override readonly name = "NotServing";
}

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;
/** A child that served this long does not die of starting: it is started again at once. */
const STEADY_MS = 2_000;
const STOP_MS = 4_000;

export class Child {
  readonly #spec: ChildSpec;
  readonly #notices: Notices;
  readonly #stopping = new AbortController();
  #process: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();

  constructor(spec: ChildSpec, notices: Notices) {
    this.#spec = spec;
    this.#notices = notices;
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /**
   * Resolves when the child serves for the first time. If its first process ends before that, the promise rejects
   * with NotServing; it goes on being started again all the same until `stop`.
   */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#ended = this.#keep(resolve, reject);
    });
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const process = this.#process;
    if (process !== null) {
      this.#spec.ask(process);
      const timer = setTimeout(() => process.kill("SIGKILL"), STOP_MS);
      await this.#ended;
      clearTimeout(timer);
    }
    await this.#ended;
    await this.#spec.clear();
  }

  /** At once and without a word to the child; for a second Ctrl-C. */
  kill(): void {
    this.#process?.kill("SIGKILL");
  }

  async #keep(onServing: () => void, onFailed: (error: Error) => void): Promise<void> {
    let failures = 0;
    let downSince: number | null = null;
    while (!this.#stopping.signal.aborted) {
      const life = await this.#oneLife(() => {
        onServing();
        if (downSince !== null) this.#notices.back(this.#spec.name, Date.now() - downSince);
        downSince = null;
      });
      if (this.#stopping.signal.aborted) break;
      onFailed(new NotServing(life.reason));
      // Said once, however often it fails before it serves again.
      if (downSince === null) this.#notices.down(this.#spec.name, life.reason);
      downSince ??= Date.now();
      if (life.servedMs >= STEADY_MS) failures = 0;
      await this.#wait(Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS));
      failures += 1;
    }
    onFailed(new NotServing("stopped"));
  }

  async #oneLife(onServing: () => void): Promise<{ servedMs: number; reason: string }> {
    try {
      await this.#spec.clear();
    } catch (error) {
      return { servedMs: 0, reason: messageOf(error) };
    }
    if (this.#stopping.signal.aborted) return { servedMs: 0, reason: "stopped" };
    const child = this.#spec.launch();
    this.#process = child;
    const over = new AbortController();
    const ended = howItEnds(child);
    let servingSince: number | null = null;
    let complaint: string | null = null;
    this.#spec.untilServing(child, over.signal).then(
      () => {
        if (over.signal.aborted) return;
        servingSince = Date.now();
        onServing();
      },
      (error: unknown) => {
        if (over.signal.aborted) return;
        complaint = messageOf(error);
        child.kill("SIGKILL");
      },
    );
    const how = await ended;
    this.#process = null;
    over.abort();
    return { servedMs: servingSince === null ? 0 : Date.now() - servingSince, reason: complaint ?? how };
  }

  async #wait(ms: number): Promise<void> {
    try {
      await delay(ms, undefined, { signal: this.#stopping.signal });
    } catch (error) {
      if (!this.#stopping.signal.aborted) throw error;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function howItEnds(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal === null ? `it ended with code ${code ?? 0}` : `killed by ${signal}`));
  });
}
