// Keeps the list of conversations the server's: what changed while there was no connection is asked for in one call, and
// changes by this user's other devices come as frames. Between them the events that pass keep it (book.ts).
import type { ConversationRow } from "../protocol/frames/inbox.ts";
import type { Book } from "./book.ts";
import { changedConversations, listConversations, patchInbox } from "./calls.ts";
import type { Environment } from "./environment.ts";
import { asConfabError, type ConfabError } from "./errors.ts";
import type { Rest } from "./rest.ts";

export interface InboxHandlers {
  /** Rows changed. */
  changed(): void;
  /** The server's word of a row. */
  told(row: ConversationRow): void;
  failed(error: ConfabError): void;
}

/** Between two readings of the list that notifications ask for, ms. */
const REFRESH_MS = 2_000;

export class Inbox {
  readonly #environment: Environment;
  readonly #rest: Rest;
  readonly #book: Book;
  readonly #handlers: InboxHandlers;
  /** Everything up to it is in the book; null until the list was begun. */
  #user_seq: number | null = null;
  #catchingUp = false;
  #refreshing = false;
  #cancel: () => void = () => undefined;

  constructor(environment: Environment, rest: Rest, book: Book, handlers: InboxHandlers) {
    this.#environment = environment;
    this.#rest = rest;
    this.#book = book;
    this.#handlers = handlers;
  }

  /** @param user_seq as the server greeted; the first connection reads the whole list after it */
  connected(user_seq: number): void {
    if (this.#user_seq === null) this.#user_seq = user_seq;
    else if (this.#user_seq < user_seq && !this.#catchingUp) void this.#catchUp();
  }

  /** A row that changed by an act of this user. */
  frame(user_seq: number, row: ConversationRow): void {
    // Another may have changed in between: only what follows at once is known to be all.
    if (this.#user_seq === user_seq - 1) this.#user_seq = user_seq;
    this.#load([row]);
  }

  /** `notify`: something new in a large conversation. Its row says what; read soon, once for many of them. */
  noted(row: ConversationRow | undefined): void {
    if (row !== undefined) this.#book.active(row.conversation_id, this.#environment.now());
    this.#handlers.changed();
    this.refresh();
  }

  /** The upper rows are read again soon, once for many wishes. */
  refresh(): void {
    if (this.#refreshing) return;
    this.#refreshing = true;
    this.#cancel = this.#environment.later(REFRESH_MS, () => void this.#refresh());
  }

  /** This user's own choice, on all their devices. */
  async set(conversation_id: string, choice: { muted?: boolean; archived?: boolean }): Promise<void> {
    this.#load([await patchInbox(this.#rest, conversation_id, choice)]);
  }

  stop(): void {
    this.#cancel();
  }

  async #catchUp(): Promise<void> {
    this.#catchingUp = true;
    try {
      for (let more = true; more; ) {
        const changes = await changedConversations(this.#rest, this.#user_seq ?? 0);
        this.#load(changes.conversations);
        this.#user_seq = changes.user_seq;
        more = changes.more;
      }
    } catch (thrown) {
      // The next connection asks from the same place.
      this.#failed(thrown);
    }
    this.#catchingUp = false;
  }

  async #refresh(): Promise<void> {
    try {
      this.#load((await listConversations(this.#rest, null)).conversations);
    } catch (thrown) {
      this.#failed(thrown);
    }
    this.#refreshing = false;
  }

  #load(rows: readonly ConversationRow[]): void {
    this.#book.load(rows);
    for (const row of rows) this.#handlers.told(row);
    this.#handlers.changed();
  }

  #failed(thrown: unknown): void {
    const error = asConfabError(thrown);
    if (error.code !== "closed") this.#handlers.failed(error);
  }
}
