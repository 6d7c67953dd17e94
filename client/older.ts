// Reading a conversation backwards from where its run begins, a page at a time.
import type { HistoryAsked } from "./history.ts";
import type { PageAnswer } from "./answers.ts";
import { asConfabError, type ConfabError } from "./errors.ts";
import type { Slot, Timeline } from "./timeline.ts";

export type OlderState =
  | { kind: "more" }
  | { kind: "loading" }
  /** The run reaches the beginning of what this member may see. */
  | { kind: "none" }
  /** `archive_unavailable` among others: there is more, and it can't be read now. */
  | { kind: "failed"; error: ConfabError };

export class Older {
  readonly #timeline: Timeline;
  readonly #page: (asked: HistoryAsked) => Promise<PageAnswer>;
  readonly #applied: (page: PageAnswer, as_of: number) => void;
  #state: OlderState;
  #asked: HistoryAsked | null = null;
  #loading: Promise<void> | null = null;

  /** @param applied told each page, and what its messages hold the changes of: it can hold newer events too */
  constructor(timeline: Timeline, page: (asked: HistoryAsked) => Promise<PageAnswer>, applied: (page: PageAnswer, as_of: number) => void) {
    this.#timeline = timeline;
    this.#page = page;
    this.#applied = applied;
    this.#state = { kind: timeline.floor === 0 ? "none" : "more" };
  }

  get state(): OlderState {
    return this.#state;
  }

  /** Never rejects: a failure is the state. Calls while one is under way are the same call. */
  load(limit = 50): Promise<void> {
    if (this.#state.kind === "none") return Promise.resolve();
    this.#loading ??= this.#load(limit).finally(() => (this.#loading = null));
    return this.#loading;
  }

  /** The timeline begins elsewhere now. */
  reset(): void {
    this.#asked = null;
    this.#state = { kind: this.#timeline.floor === 0 ? "none" : "more" };
  }

  async #load(limit: number): Promise<void> {
    this.#state = { kind: "loading" };
    const { epoch } = this.#timeline.cursor;
    try {
      for (;;) {
        const asked = { ...(this.#asked ?? this.#start()), limit };
        const head = this.#timeline.head;
        const page = await this.#page(asked);
        if (this.#timeline.cursor.epoch !== epoch) return;
        const as_of = page.as_of_seq ?? head;
        const added = this.#timeline.prepend(page.events, as_of).length;
        this.#asked = page.next_cursor === null ? null : { ...asked, cursor: page.next_cursor };
        this.#state = { kind: page.next_cursor === null || this.#timeline.floor === 0 ? "none" : "more" };
        this.#applied(page, as_of);
        if (added > 0 || this.#state.kind === "none") return;
        this.#state = { kind: "loading" };
      }
    } catch (thrown) {
      const error = asConfabError(thrown);
      // A cursor of an older deployment: the next call starts again from the run's first event.
      if (error.code === "bad_cursor") this.#asked = null;
      this.#state = { kind: "failed", error };
    }
  }

  /** `to` excludes its millisecond, which other events may share: one more, and what is here already is ignored. */
  #start(): HistoryAsked {
    const oldest = this.#timeline.run.find((slot): slot is Exclude<Slot, { type: "skip" }> => slot.type !== "skip");
    return oldest === undefined ? {} : { to: oldest.sent_at + 1 };
  }
}
