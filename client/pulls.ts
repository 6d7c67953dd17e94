// What is still to be read over HTTP, at this client's own pace: a few at a time, spaced, again after failures. A user's
// requests are limited, and sending needs most of them.
import { decideBackoff, REPEAT } from "../domain/backoff.ts";
import type { Environment } from "./environment.ts";
import { asConfabError, type ConfabError } from "./errors.ts";

export interface PullPace {
  /** Calls under way at once. */
  width: number;
  /** Calls that may start at once after a quiet time. */
  burst: number;
  /** After those, one each that many ms. */
  interval_ms: number;
}

export const PULL_PACE: PullPace = { width: 2, burst: 6, interval_ms: 100 };

/** `more`: call again now. `stuck`: nothing new came, although more is missing. */
export type PullOutcome = "done" | "more" | "stuck";

export interface PullHandlers {
  /** One call for this key. */
  run(key: string): Promise<PullOutcome>;
  /** `retry_at`: ms since 1970; null where it is given up. */
  failed(key: string, error: ConfabError, retry_at: number | null): void;
}

interface Job {
  stage: "waiting" | "queued" | "running";
  /** Wanted again while it ran. */
  again: boolean;
  attempt: number;
  cancel: () => void;
}

export class Pulls {
  readonly #environment: Environment;
  readonly #pace: PullPace;
  readonly #handlers: PullHandlers;
  readonly #jobs = new Map<string, Job>();
  #running = 0;
  #tokens: number;
  #refilled_at: number;
  #cancelPace: (() => void) | null = null;
  #stopped = false;

  constructor(environment: Environment, pace: PullPace, handlers: PullHandlers) {
    this.#environment = environment;
    this.#pace = pace;
    this.#handlers = handlers;
    this.#tokens = pace.burst;
    this.#refilled_at = environment.now();
  }

  /** Something is missing for this key; `delay_ms`: it may come by itself meanwhile. */
  want(key: string, delay_ms = 0): void {
    const job = this.#jobs.get(key);
    if (job === undefined) this.#wait(key, { stage: "waiting", again: false, attempt: 0, cancel: () => undefined }, delay_ms);
    else if (job.stage === "running") job.again = true;
    else if (job.stage === "waiting" && delay_ms === 0 && job.attempt === 0) this.#wait(key, job, 0);
  }

  /** The connection is back: nothing waits out an earlier failure. */
  kick(): void {
    for (const [key, job] of this.#jobs) if (job.stage === "waiting") this.#wait(key, job, 0);
  }

  drop(key: string): void {
    this.#jobs.get(key)?.cancel();
    this.#jobs.delete(key);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelPace?.();
    for (const key of this.#jobs.keys()) this.drop(key);
  }

  #wait(key: string, job: Job, delay_ms: number): void {
    job.cancel();
    job.stage = "waiting";
    this.#jobs.set(key, job);
    const queue = (): void => {
      job.stage = "queued";
      this.#next();
    };
    if (delay_ms > 0) job.cancel = this.#environment.later(delay_ms, queue);
    else queue();
  }

  #next(): void {
    for (const [key, job] of this.#jobs) {
      if (this.#stopped || this.#running >= this.#pace.width) return;
      if (job.stage !== "queued") continue;
      if (!this.#take()) return;
      void this.#run(key, job);
    }
  }

  async #run(key: string, job: Job): Promise<void> {
    this.#running++;
    job.stage = "running";
    job.again = false;
    let outcome: PullOutcome | ConfabError;
    try {
      outcome = await this.#handlers.run(key);
    } catch (thrown) {
      outcome = asConfabError(thrown);
    }
    this.#running--;
    if (this.#jobs.get(key) === job && !this.#stopped) this.#conclude(key, job, outcome);
    this.#next();
  }

  #conclude(key: string, job: Job, outcome: PullOutcome | ConfabError): void {
    if (outcome === "more" || (outcome === "done" && job.again)) {
      job.attempt = 0;
      this.#wait(key, job, 0);
    } else if (outcome === "done" || (outcome !== "stuck" && !outcome.retryable)) {
      this.#jobs.delete(key);
      if (outcome !== "done") this.#handlers.failed(key, outcome, null);
    } else {
      const asked = outcome === "stuck" ? null : outcome.retry_after_ms;
      const delay = Math.max(asked ?? 0, REPEAT.base_ms + decideBackoff(job.attempt++, this.#environment.random(), REPEAT));
      this.#wait(key, job, delay);
      if (outcome !== "stuck") this.#handlers.failed(key, outcome, this.#environment.now() + delay);
    }
  }

  /** A token bucket; false arms a timer for the next token. */
  #take(): boolean {
    const now = this.#environment.now();
    // A clock that was set back takes no tokens away.
    this.#tokens = Math.min(this.#pace.burst, this.#tokens + Math.max(0, now - this.#refilled_at) / this.#pace.interval_ms);
    this.#refilled_at = now;
    if (this.#tokens >= 1) {
      this.#tokens--;
      return true;
    }
    this.#cancelPace ??= this.#environment.later(Math.ceil((1 - this.#tokens) * this.#pace.interval_ms), () => {
      this.#cancelPace = null;
      this.#next();
    });
    return false;
  }
}
