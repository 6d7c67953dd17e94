// Wires the parts: where the server's frames go, and what of it all the application is told.
import { Book } from "./book.ts";
import { describeConversation, listConversations, poll, postFrames } from "./calls.ts";
import { Connection } from "./connection.ts";
import type { ConnectionState, Hello } from "./connection-state.ts";
import type { Conversation } from "./conversation.ts";
import { Doors } from "./doors.ts";
import { Emitter } from "./emitter.ts";
import { asConfabError, ConfabError } from "./errors.ts";
import { Inbox } from "./inbox.ts";
import { Live } from "./live.ts";
import { MediaUrls } from "./media/urls.ts";
import { Uploads } from "./media/uploads.ts";
import { type ErrorFrame, errorOfFrame } from "./frames.ts";
import { readHistory } from "./history.ts";
import { type ClientEvents, type ConnectOptions, type PlannedReconnect, type Settled, withDefaults } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { eventOf } from "./own-event.ts";
import { decideRead } from "./reading.ts";
import { Rest } from "./rest.ts";
import { route, type Routes } from "./routing.ts";
import type { Sending } from "./sending.ts";
import type { MessageStatus } from "./statuses.ts";
import { Sync } from "./sync.ts";
import type { ChatEvent, Slot } from "./timeline.ts";
import { Tokens } from "./tokens.ts";
import { Unsettled } from "./unsettled.ts";
import type { ConversationRow } from "../protocol/frames/inbox.ts";
import type { AckFrame } from "../protocol/frames/msg.ts";
import { isDirect } from "../protocol/ids.ts";
import type { ConversationDetail } from "../protocol/rest.ts";

const RECONNECTS_KEPT = 1_000;

export class Engine {
  readonly settled: Settled;
  readonly events = new Emitter<ClientEvents>();
  readonly rest: Rest;
  readonly connection: Connection;
  readonly outbox: Outbox;
  readonly uploads: Uploads;
  readonly mediaUrls: MediaUrls;
  readonly sync: Sync;
  readonly inbox: Inbox;
  readonly live: Live;
  readonly book = new Book();
  readonly unsettled = new Unsettled();
  /** The last thousand, oldest first. */
  readonly reconnects: PlannedReconnect[] = [];
  user_id: string | null;
  readonly #routes: Routes = {
    acked: (frame) => this.#acked(frame.client_msg_id, frame),
    refused: (frame) => this.#refused(frame),
    arrived: (conversation_id, slots) => this.sync.arrived(conversation_id, slots),
    required: (heads) => this.sync.required(heads),
    live: (frame) => this.live.frame(frame, this.user_id ?? ""),
    row: (user_seq, row) => this.inbox.frame(user_seq, row),
    goingAway: (retry_after_ms) => this.connection.goingAway(retry_after_ms),
    beatEvery: (interval_ms) => this.connection.beatEvery(interval_ms),
  };
  readonly #asked = new Set<string>();

  constructor(options: ConnectOptions) {
    this.settled = withDefaults(options);
    const { environment, times, device_id, backoff, limits, store, user_id, keep_events } = this.settled;
    this.user_id = user_id;
    const tokens = new Tokens(options.token, () => environment.now());
    const doors = new Doors(options.url);
    this.rest = new Rest(doors, tokens, environment);
    this.connection = new Connection({
      doors, tokens, environment, times, device_id, backoff,
      probe: (token) => this.rest.probe(token),
      polls: {
        poll: (user_seq, wait, signal) => poll(this.rest, device_id, user_seq, wait, signal),
        post: (frames, signal) => postFrames(this.rest, device_id, frames, signal),
      },
      handlers: {
        state: (state) => this.#stateChanged(state),
        hello: (hello) => this.#greeted(hello),
        frames: (frames) => route(frames, this.#routes),
        notified: (handle, seq) => this.#notified(handle, seq),
        malformed: (reasons) => this.report(new ConfabError("bad_answer", reasons.join("; "))),
      },
    });
    this.outbox = new Outbox(environment, store, limits, user_id, {
      write: (frames) => this.connection.write(frames),
      silent: () => this.connection.recycle("messages are not answered"),
      tokenRefused: () => this.connection.tokenRefused(),
      changed: (sending, conversation_id) => this.#sendingChanged(sending, conversation_id),
      discarded: (sending) => this.#discarded(sending),
      storeFailed: (cause) => this.#storeFailed(cause),
      files: {
        start: (sending) => this.uploads.start(sending),
        keep: (sending, file) => void this.uploads.keep(sending, file),
        cancel: (sending) => this.uploads.cancel(sending),
        wake: (sending) => this.uploads.wake(sending),
      },
    });
    this.mediaUrls = new MediaUrls(environment, this.rest);
    this.uploads = new Uploads(environment, this.rest, store, {
      uploaded: (sending, media_key) => this.outbox.uploaded(sending, media_key),
      failed: (sending, error) => this.outbox.failed(sending, error),
      learned: (sending, upload) => this.outbox.learned(sending, upload),
      progressed: (sending) => this.events.emit("upload", sending),
      storeFailed: (cause) => this.#storeFailed(cause),
    });
    this.live = new Live(environment, times, {
      write: (frames) => this.connection.write(frames),
      exists: (conversation_id) => this.sync.get(conversation_id) !== null,
      status: (conversation_id) => this.events.emit("conversation", conversation_id),
      typing: (conversation_id) => this.events.emit("typing", conversation_id),
      presence: (changed) => this.events.emit("presence", changed),
    });
    this.inbox = new Inbox(environment, this.rest, this.book, {
      changed: () => this.#listChanged(),
      told: (row) => this.#told(row),
      failed: (error) => this.report(error),
    });
    this.sync = new Sync(environment, times, keep_events, {
      page: (conversation_id, asked, signal) => readHistory(this.rest, conversation_id, asked, signal),
      list: (cursor) => listConversations(this.rest, cursor),
      resume: (frame) => this.connection.write([frame]),
      isLazy: (conversation_id) => this.#isLarge(conversation_id) && !this.live.typing.isOpen(conversation_id),
      views: {
        seen: (conversation, seq) => this.#read(conversation, seq),
        status: ({ conversation_id }, { seq }) => this.statusOf(conversation_id, seq),
        watermark: ({ conversation_id }, member) => this.live.statuses.watermark(conversation_id, member),
        typing: ({ conversation_id }) => this.live.typing.of(conversation_id),
      },
    }, {
      listed: (rows) => {
        this.book.load(rows);
        for (const row of rows) this.#told(row);
        this.live.typing.connected();
        // Acknowledged before the run began, and it may begin behind it.
        for (const { conversation_id } of rows) {
          const begun = this.sync.get(conversation_id);
          if (begun !== null) this.unsettled.settle(conversation_id, begun.cursor);
        }
        this.#listChanged();
      },
      fresh: (conversation, slots) => this.#fresh(conversation, slots),
      again: ({ conversation_id }) => this.live.receipts.again(conversation_id),
      restored: ({ conversation_id }) => {
        this.live.forget(conversation_id);
        this.events.emit("restored", conversation_id);
      },
      changed: (conversation) => {
        this.live.older(conversation.conversation_id, conversation.events);
        this.#settle(conversation);
      },
      gone: (conversation_id) => this.#gone(conversation_id),
      failed: (error) => this.report(error),
    });
  }

  /** Asks for title and members, and keeps them in the list. */
  async describe(conversation_id: string): Promise<ConversationDetail> {
    return this.described(await describeConversation(this.rest, conversation_id));
  }

  described(detail: ConversationDetail): ConversationDetail {
    this.book.complete(detail, this.user_id ?? "");
    this.#listChanged();
    return detail;
  }

  /** A view shows the conversation until the result is called. */
  show(conversation_id: string): () => void {
    const wasLazy = this.#isLarge(conversation_id) && !this.live.typing.isOpen(conversation_id);
    const close = this.live.typing.open(conversation_id);
    this.sync.shown(conversation_id, wasLazy);
    return close;
  }

  statusOf(conversation_id: string, seq: number): MessageStatus {
    return this.live.statuses.of(conversation_id, seq, this.user_id ?? "", isDirect(conversation_id));
  }

  report(error: ConfabError): void {
    if (error.code !== "closed") this.events.emit("error", error);
  }

  #storeFailed(cause: unknown): void {
    this.report(new ConfabError("store_failed", "Unsent messages can't be stored; a reload would lose them.", { cause }));
  }

  #stateChanged(state: ConnectionState): void {
    if (state.kind !== "open") this.#cut();
    if (state.kind === "waiting") {
      this.reconnects.push({ at: this.settled.environment.now(), attempt: state.attempt, delay_ms: state.delay_ms });
      if (this.reconnects.length > RECONNECTS_KEPT) this.reconnects.shift();
    }
    this.events.emit("state", state);
  }

  #cut(): void {
    this.outbox.disconnected();
    this.sync.disconnected();
    this.live.disconnected();
  }

  #greeted(hello: Hello): void {
    if (this.settled.user_id !== null && hello.user_id !== this.settled.user_id) {
      // What is stored was written by another user: it must not be sent in this one's name.
      this.connection.refuse(new ConfabError("unauthorized", `The token is for ${hello.user_id}, not for ${this.settled.user_id}.`));
      return;
    }
    this.user_id = hello.user_id;
    // A socket may have taken over from polls, without an end between them.
    this.#cut();
    this.sync.connected(hello.user_id, hello.user_seq, hello.limits.history_page);
    this.inbox.connected(hello.user_seq);
    this.live.connected();
    this.outbox.connected(hello.user_id);
    this.uploads.wake();
  }

  /** What was sent, as the event that the sender's own socket does not get. */
  #acked(client_msg_id: string, { msg_id, conversation_id, epoch, seq, sent_at, media_key, dup }: AckFrame): ChatEvent | null {
    const ack = { msg_id, conversation_id, epoch, seq, sent_at, ...(media_key === undefined ? {} : { media_key }) };
    const sending = this.outbox.acked(client_msg_id, ack);
    if (sending === null) return null;
    if (sending.message.to !== undefined) this.book.knowPeer(conversation_id, sending.message.to);
    const event = eventOf(sending.message, { ...ack, sender_id: this.user_id ?? "", dup }, this.sync.get(conversation_id));
    // The server knows the rest of it.
    if (event === null) this.sync.required([{ conversation_id, epoch, head_seq: seq }]);
    else this.live.acked(event);
    return event;
  }

  #refused(frame: ErrorFrame): void {
    const error = errorOfFrame(frame);
    if (frame.client_msg_id !== undefined) this.outbox.refused(frame.client_msg_id, error);
    else if (frame.conversation_id !== undefined && error.code === "not_found") this.sync.drop(frame.conversation_id);
    else if (frame.conversation_id !== undefined && error.code === "epoch_changed") this.#ask(frame.conversation_id, true);
    else {
      if (error.code === "unauthorized" || error.code === "token_expired") this.connection.tokenRefused();
      // An older server does not know receipts and the like, and nothing is lost by that.
      if (error.code === "unknown_type") return;
      // It names no message, so it may have been the resume.
      if (error.retryable) this.sync.refused(error.retry_after_ms);
      this.report(error);
    }
  }

  #fresh(conversation: Conversation, slots: readonly Slot[]): void {
    const me = this.user_id ?? "";
    const isNew = this.book.get(conversation.conversation_id) === undefined;
    for (const slot of slots) {
      if (slot.type === "skip") continue;
      this.book.event(slot, me);
      if (slot.sender_id === me && slot.client_msg_id !== undefined) this.outbox.acked(slot.client_msg_id, slot);
      this.events.emit("event", slot);
    }
    this.live.fresh(conversation.conversation_id, slots);
    if (isNew) this.live.begun(conversation.conversation_id, this.book.get(conversation.conversation_id)?.peer_id ?? null);
    // Events don't say how a conversation reaches its members.
    if (this.book.get(conversation.conversation_id)?.handle === "") this.inbox.refresh();
    if (this.book.isIncomplete(conversation.conversation_id)) this.#ask(conversation.conversation_id, false);
    this.#listChanged();
    this.#settle(conversation);
  }

  #settle({ conversation_id, cursor }: Conversation): void {
    this.unsettled.settle(conversation_id, cursor);
    this.events.emit("conversation", conversation_id);
  }

  #sendingChanged(sending: Sending, conversation_id: string | null): void {
    if (conversation_id !== null) {
      this.unsettled.put(conversation_id, sending, this.sync.get(conversation_id)?.cursor ?? null);
    }
    this.events.emit("sending", sending);
    if (conversation_id !== null) this.events.emit("conversation", conversation_id);
  }

  #discarded(sending: Sending): void {
    const conversation_id = this.outbox.conversationOf(sending.message);
    if (conversation_id === null) return;
    this.unsettled.remove(conversation_id, sending);
    this.events.emit("conversation", conversation_id);
  }

  #gone(conversation_id: string): void {
    this.book.remove(conversation_id);
    this.live.forget(conversation_id);
    this.#listChanged();
    this.events.emit("conversation", conversation_id);
  }

  /** The server's word of a row. */
  #told({ conversation_id, read_seq, left }: ConversationRow): void {
    if (left === true) this.sync.drop(conversation_id);
    else this.live.receipts.stored(conversation_id, read_seq);
  }

  #notified(handle: string, seq: number): void {
    const row = this.book.byHandle(handle);
    if (row !== undefined) this.sync.required([{ conversation_id: row.conversation_id, epoch: row.epoch, head_seq: seq }]);
    this.inbox.noted(row);
  }

  #isLarge(conversation_id: string): boolean {
    return (this.book.get(conversation_id)?.mode ?? "write") !== "write";
  }

  #read({ conversation_id, events }: Conversation, seq: number): void {
    const unread = decideRead(events, seq, this.book.get(conversation_id), this.user_id ?? "");
    if (unread === null) return;
    this.live.receipts.read(conversation_id, seq);
    if (this.book.readTo(conversation_id, seq, unread)) this.#listChanged();
  }

  #listChanged(): void {
    if (this.events.hears("conversations")) this.events.emit("conversations", this.book.rows());
  }

  /** What events did not say of a conversation; the next event asks again where this fails. */
  #ask(conversation_id: string, restored: boolean): void {
    if (this.#asked.has(conversation_id)) return;
    this.#asked.add(conversation_id);
    const known = this.sync.get(conversation_id)?.cursor;
    this.describe(conversation_id)
      .then(({ epoch, head_seq }) => {
        if (restored) this.sync.required([{ conversation_id, epoch, head_seq }]);
      })
      .catch((thrown: unknown) => {
        const error = asConfabError(thrown);
        if (error.code !== "not_found") this.report(error);
        // An own message was acknowledged again, and its user has left since. What came meanwhile may say that they are back.
        else if (this.sync.get(conversation_id)?.cursor.seq === known?.seq) this.sync.drop(conversation_id);
      })
      .finally(() => this.#asked.delete(conversation_id));
  }
}
