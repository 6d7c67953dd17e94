// Reading a conversation backwards from where its run begins, a page at a time.
import { decideBackoff, REPEAT } from "../domain/backoff.ts";
import { ERRORS } from "../protocol/errors.ts";
import type { PageAnswer } from "./answers.ts";
import type { Environment } from "./environment.ts";
import { asConfabError, ConfabError } from "./errors.ts";
import type { HistoryAsked } from "./history.ts";
import type { Slot, Timeline } from "./timeline.ts";

export type OlderState =
  | { kind: "more" }
  | { kind: "loading" }
  /** The run reaches the beginning of what this member may see. */
  | { kind: "none" }
  /** There is more, and it can't be read now. `archive_unavailable` is tried again by itself: `retry_at`, ms since 1970, or null. */
  | { kind: "failed"; error: ConfabError; retry_at: number | null };

export interface OlderPorts {
  page(asked: HistoryAsked): Promise<PageAnswer>;
  /** Told each page, and what its messages hold the changes of: it can hold newer events too. */
  applied(page: PageAnswer, as_of: number): void;
  /** A try that nobody asked for has ended. */
  changed(): void;
}

export class Older {
  readonly #timeline: Timeline;
  readonly #environment: Environment;
  readonly #ports: OlderPorts;
  #state: OlderState;
  #asked: HistoryAsked | null = null;
  #loading: Promise<void> | null = null;
  #limit = 50;
  #failures = 0;
  #cancelRetry: () => void = () => undefined;

  constructor(timeline: Timeline, environment: Environment, ports: OlderPorts) {
    this.#timeline = timeline;
    this.#environment = environment;
    this.#ports = ports;
    this.#state = { kind: timeline.floor === 0 ? "none" : "more" };
  }

  get state(): OlderState {
    return this.#state;
  }

  /** Never rejects: a failure is the state. Calls while one is under way are the same call. */
  load(limit = 50): Promise<void> {
    if (this.#state.kind === "none") return Promise.resolve();
    this.#limit = limit;
    return this.#once(() => (this.#state = { kind: "loading" }));
  }

  stop(): void {
    this.#cancelRetry();
  }

  /** The timeline begins elsewhere now. */
  reset(): void {
    this.#cancelRetry();
    this.#failures = 0;
    this.#asked = null;
    this.#state = { kind: this.#timeline.floor === 0 ? "none" : "more" };
  }

  #once(begin: () => void): Promise<void> {
    if (this.#loading !== null) return this.#loading;
    this.#cancelRetry();
    begin();
    this.#loading = this.#load(this.#limit).finally(() => (this.#loading = null));
    return this.#loading;
  }

  async #load(limit: number): Promise<void> {
    const { epoch } = this.#timeline.cursor;
    try {
      for (;;) {
        const asked = { ...(this.#asked ?? this.#start()), limit };
        const head = this.#timeline.head;
        const page = await this.#ports.page(asked);
        if (this.#timeline.cursor.epoch !== epoch) return;
        const as_of = page.as_of_seq ?? head;
        const added = this.#timeline.prepend(page.events, as_of).length;
        this.#asked = page.next_cursor === null ? null : { ...asked, cursor: page.next_cursor };
        if (page.archive_unavailable === true && this.#timeline.floor > 0) {
          this.#failed(new ConfabError("archive_unavailable", ERRORS.archive_unavailable.message, { retryable: true, retry_after_ms: page.retry_after_ms }));
          this.#ports.applied(page, as_of);
          return;
        }
        this.#failures = 0;
        this.#state = { kind: page.next_cursor === null || this.#timeline.floor === 0 ? "none" : "more" };
        this.#ports.applied(page, as_of);
        if (added > 0 || this.#state.kind === "none") return;
        this.#state = { kind: "loading" };
      }
    } catch (thrown) {
      const error = asConfabError(thrown);
      // A cursor of an older deployment: the next call starts again from the run's first event.
      if (error.code === "bad_cursor") this.#asked = null;
      // Begun again elsewhere meanwhile: this was about what is no more.
      if (this.#timeline.cursor.epoch === epoch) this.#failed(error);
    }
  }

  /** What waits for the archive goes on by itself once that is back. */
  #failed(error: ConfabError): void {
    if (error.code !== "archive_unavailable") {
      this.#state = { kind: "failed", error, retry_at: null };
      return;
    }
    const wait = Math.max(error.retry_after_ms ?? 0, REPEAT.base_ms + decideBackoff(this.#failures++, this.#environment.random(), REPEAT));
    this.#state = { kind: "failed", error, retry_at: this.#environment.now() + wait };
    // The state stays while it is tried: nobody is to see it flicker.
    this.#cancelRetry = this.#environment.later(wait, () => void this.#once(() => undefined).then(() => this.#ports.changed()));
  }

  /** `to` excludes its millisecond, which other events may share: one more, and what is here already is ignored. */
  #start(): HistoryAsked {
    const oldest = this.#timeline.run.find((slot): slot is Exclude<Slot, { type: "skip" }> => slot.type !== "skip");
    return oldest === undefined ? {} : { to: oldest.sent_at + 1 };
  }
}
