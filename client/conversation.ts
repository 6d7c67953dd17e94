// One conversation as this client has it: its part of the sequence, and how far reading it has come.
import type { Cursor } from "../protocol/frames/sync.ts";
import type { PageAnswer } from "./answers.ts";
import type { ConfabError } from "./errors.ts";
import type { HistoryAsked } from "./history.ts";
import { Older, type OlderState } from "./older.ts";
import { type Slot, Timeline } from "./timeline.ts";

/** Whether newer events are still to be read. `retry_at`: ms since 1970; null where it is given up. */
export type CatchUp = { kind: "current" } | { kind: "reading"; missing: number } | { kind: "failed"; error: ConfabError; retry_at: number | null };

export interface ConversationPorts {
  page(conversation_id: string, asked: HistoryAsked): Promise<PageAnswer>;
  /** A page of older events came: it can hold newer ones as well. */
  read(conversation: Conversation, slots: readonly Slot[]): void;
}

export class Conversation {
  readonly conversation_id: string;
  /** The sync's. */
  readonly timeline: Timeline;
  readonly #older: Older;
  /** The sync's to change. */
  catchUp: CatchUp = { kind: "current" };

  constructor(conversation_id: string, start: Cursor, ports: ConversationPorts) {
    this.conversation_id = conversation_id;
    this.timeline = new Timeline(conversation_id, start);
    this.#older = new Older(
      this.timeline,
      (asked) => ports.page(conversation_id, asked),
      (page) => ports.read(this, page.events),
    );
  }

  /** What was read so far, in the server's order and without a hole. */
  get events(): readonly Slot[] {
    return this.timeline.run;
  }

  get cursor(): Cursor {
    return this.timeline.cursor;
  }

  get older(): OlderState {
    return this.#older.state;
  }

  /** Reads the next older page into `events`. Never rejects: a failure is the state `older`. */
  loadOlder(limit?: number): Promise<void> {
    return this.#older.load(limit);
  }

  /** The sync's: the run begins elsewhere now. */
  restarted(): void {
    this.#older.reset();
  }
}
