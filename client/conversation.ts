// One conversation as this client has it: its part of the sequence, and how far reading it has come.
import type { Cursor } from "../protocol/frames/sync.ts";
import type { PageAnswer } from "./answers.ts";
import type { Environment } from "./environment.ts";
import type { ConfabError } from "./errors.ts";
import type { HistoryAsked } from "./history.ts";
import { Older, type OlderState } from "./older.ts";
import type { MessageStatus, Watermark } from "./statuses.ts";
import { type Message, type Slot, Timeline } from "./timeline.ts";

/** Whether newer events are still to be read. `retry_at`: ms since 1970; null where it is given up. */
export type CatchUp = { kind: "current" } | { kind: "reading"; missing: number } | { kind: "failed"; error: ConfabError; retry_at: number | null };

/** What is known of a conversation beside its events. */
export interface ConversationViews {
  /** A person has seen everything up to `seq`. */
  seen(conversation: Conversation, seq: number): void;
  status(conversation: Conversation, message: Message): MessageStatus;
  watermark(conversation: Conversation, user_id: string): Watermark | null;
  typing(conversation: Conversation): readonly string[];
}

export interface ConversationPorts {
  readonly environment: Environment;
  readonly views: ConversationViews;
  page(conversation_id: string, asked: HistoryAsked): Promise<PageAnswer>;
  /** A page of older events came: it can hold newer ones as well. */
  read(conversation: Conversation, slots: readonly Slot[], as_of: number): void;
  /** Older pages were tried again, and still can't be read. */
  changed(conversation: Conversation): void;
}

export class Conversation {
  readonly conversation_id: string;
  /** The sync's. */
  readonly timeline: Timeline;
  readonly #older: Older;
  readonly #views: ConversationViews;
  /** The sync's to change. */
  catchUp: CatchUp = { kind: "current" };

  constructor(conversation_id: string, start: Cursor, ports: ConversationPorts) {
    this.conversation_id = conversation_id;
    this.#views = ports.views;
    this.timeline = new Timeline(conversation_id, start);
    this.#older = new Older(this.timeline, ports.environment, {
      page: (asked) => ports.page(conversation_id, asked),
      applied: (page, head) => ports.read(this, page.events, head),
      changed: () => ports.changed(this),
    });
  }

  /** What was read so far, in the server's order and without a hole. */
  get events(): readonly Slot[] {
    return this.timeline.run;
  }

  get cursor(): Cursor {
    return this.timeline.cursor;
  }

  /** How many newer events exist that are not read yet. */
  get missing(): number {
    return this.timeline.head - this.timeline.cursor.seq;
  }

  /** A message of `events`. */
  message(msg_id: string): Message | null {
    return this.timeline.message(msg_id);
  }

  /** Tells all who may know that a person has seen everything up to `seq`, or all that is here. */
  read(seq = this.cursor.seq): void {
    this.#views.seen(this, Math.min(seq, this.cursor.seq));
  }

  /** The status of one of this user's messages among `events`. */
  status(message: Message): MessageStatus {
    return this.#views.status(this, message);
  }

  /** How far one member is; null while nothing is known of it. */
  watermark(user_id: string): Watermark | null {
    return this.#views.watermark(this, user_id);
  }

  /** Who is writing here, while the conversation is `shown`. */
  get typing(): readonly string[] {
    return this.#views.typing(this);
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

  /** The sync's: nothing of it is read by itself any more. */
  stop(): void {
    this.#older.stop();
  }
}
