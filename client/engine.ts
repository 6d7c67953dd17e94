// Wires the parts: where the server's frames go, and what of it all the application is told.
import { Book } from "./book.ts";
import { describeConversation, listConversations } from "./calls.ts";
import { Connection, type ConnectionState, type Hello } from "./connection.ts";
import type { Conversation } from "./conversation.ts";
import { Doors } from "./doors.ts";
import { Emitter } from "./emitter.ts";
import { asConfabError, ConfabError } from "./errors.ts";
import { type ErrorFrame, errorOfFrame, type ServerFrame } from "./frames.ts";
import { readHistory } from "./history.ts";
import { type ClientEvents, type ConnectOptions, type PlannedReconnect, type Settled, withDefaults } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { Rest } from "./rest.ts";
import type { Ack, Sending } from "./sending.ts";
import { Sync } from "./sync.ts";
import type { Message, Slot } from "./timeline.ts";
import { Tokens } from "./tokens.ts";
import { Unsettled } from "./unsettled.ts";
import type { ConversationDetail } from "../protocol/rest.ts";

const RECONNECTS_KEPT = 1_000;

export class Engine {
  readonly settled: Settled;
  readonly events = new Emitter<ClientEvents>();
  readonly rest: Rest;
  readonly connection: Connection;
  readonly outbox: Outbox;
  readonly sync: Sync;
  readonly book = new Book();
  readonly unsettled = new Unsettled();
  /** The last thousand, oldest first. */
  readonly reconnects: PlannedReconnect[] = [];
  user_id: string | null;
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
      handlers: {
        state: (state) => this.#stateChanged(state),
        hello: (hello) => this.#greeted(hello),
        frames: (frames) => this.#received(frames),
        malformed: (reasons) => this.report(new ConfabError("bad_answer", reasons.join("; "))),
      },
    });
    this.outbox = new Outbox(environment, store, limits, user_id, {
      write: (frames) => this.connection.write(frames),
      silent: () => this.connection.recycle("messages are not answered"),
      tokenRefused: () => this.connection.tokenRefused(),
      changed: (sending, conversation_id) => this.#sendingChanged(sending, conversation_id),
      discarded: (sending) => this.#discarded(sending),
      storeFailed: (cause) => this.report(new ConfabError("store_failed", "Unsent messages can't be stored; a reload would lose them.", { cause })),
    });
    this.sync = new Sync(environment, times, keep_events, {
      page: (conversation_id, asked, signal) => readHistory(this.rest, conversation_id, asked, signal),
      list: (cursor) => listConversations(this.rest, cursor),
      resume: (frame) => this.connection.write([frame]),
    }, {
      listed: (rows) => {
        this.book.load(rows);
        this.#listChanged();
      },
      fresh: (conversation, slots) => this.#fresh(conversation, slots),
      restored: ({ conversation_id }) => this.events.emit("restored", conversation_id),
      changed: (conversation) => this.#settle(conversation),
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

  report(error: ConfabError): void {
    if (error.code !== "closed") this.events.emit("error", error);
  }

  #stateChanged(state: ConnectionState): void {
    if (state.kind !== "open") {
      this.outbox.disconnected();
      this.sync.disconnected();
    }
    if (state.kind === "waiting") {
      this.reconnects.push({ at: this.settled.environment.now(), attempt: state.attempt, delay_ms: state.delay_ms });
      if (this.reconnects.length > RECONNECTS_KEPT) this.reconnects.shift();
    }
    this.events.emit("state", state);
  }

  #greeted(hello: Hello): void {
    if (this.settled.user_id !== null && hello.user_id !== this.settled.user_id) {
      // What is stored was written by another user: it must not be sent in this one's name.
      this.connection.refuse(new ConfabError("unauthorized", `The token is for ${hello.user_id}, not for ${this.settled.user_id}.`));
      return;
    }
    this.user_id = hello.user_id;
    this.sync.connected(hello.user_id, hello.user_seq);
    this.outbox.connected(hello.user_id);
  }

  #received(frames: readonly ServerFrame[]): void {
    const arrived = new Map<string, Slot[]>();
    for (const frame of frames) {
      switch (frame.type) {
        case "hello":
          break;
        case "ack": {
          const message = this.#acked(frame.client_msg_id, frame);
          if (message !== null) add(arrived, message);
          break;
        }
        case "error":
          this.#refused(frame);
          break;
        case "going_away":
          this.connection.goingAway(frame.retry_after_ms);
          break;
        case "sync_required":
          // After the events that came before it, or it would ask for them again.
          this.#arrived(arrived);
          this.sync.required(frame.conversations);
          break;
        case "status":
        case "presence":
        case "heartbeat":
        case "typing":
        case "inbox":
          break;
        default:
          add(arrived, frame);
      }
    }
    this.#arrived(arrived);
  }

  #arrived(arrived: Map<string, Slot[]>): void {
    for (const [conversation_id, slots] of arrived) this.sync.arrived(conversation_id, slots);
    arrived.clear();
  }

  /** The message as the event that the sender's own socket does not get. */
  #acked(client_msg_id: string, { msg_id, conversation_id, epoch, seq, sent_at }: Ack): Message | null {
    const ack = { msg_id, conversation_id, epoch, seq, sent_at };
    const sending = this.outbox.acked(client_msg_id, ack);
    if (sending === null) return null;
    const { content, content_type, media_key, to } = sending.message;
    if (to !== undefined) this.book.knowPeer(conversation_id, to);
    return { type: "msg", ...ack, sender_id: this.user_id ?? "", client_msg_id, content, content_type, ...(media_key === undefined ? {} : { media_key }) };
  }

  #refused(frame: ErrorFrame): void {
    const error = errorOfFrame(frame);
    if (frame.client_msg_id !== undefined) this.outbox.refused(frame.client_msg_id, error);
    else if (frame.conversation_id !== undefined && error.code === "not_found") this.sync.drop(frame.conversation_id);
    else if (frame.conversation_id !== undefined && error.code === "epoch_changed") this.#ask(frame.conversation_id, true);
    else {
      if (error.code === "unauthorized" || error.code === "token_expired") this.connection.tokenRefused();
      // It names no message, so it may have been the resume.
      if (error.retryable) this.sync.refused(error.retry_after_ms);
      this.report(error);
    }
  }

  #fresh(conversation: Conversation, slots: readonly Slot[]): void {
    const me = this.user_id ?? "";
    for (const slot of slots) {
      if (slot.type === "skip") continue;
      this.book.event(slot, me);
      if (slot.sender_id === me && slot.client_msg_id !== undefined) this.outbox.acked(slot.client_msg_id, slot);
      this.events.emit("event", slot);
    }
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
    this.#listChanged();
    this.events.emit("conversation", conversation_id);
  }

  #listChanged(): void {
    if (this.events.hears("conversations")) this.events.emit("conversations", this.book.rows());
  }

  /** What events did not say of a conversation; the next event asks again where this fails. */
  #ask(conversation_id: string, restored: boolean): void {
    if (this.#asked.has(conversation_id)) return;
    this.#asked.add(conversation_id);
    this.describe(conversation_id)
      .then(({ epoch, head_seq }) => {
        if (restored) this.sync.required([{ conversation_id, epoch, head_seq }]);
      })
      .catch((thrown: unknown) => this.report(asConfabError(thrown)))
      .finally(() => this.#asked.delete(conversation_id));
  }
}

function add(arrived: Map<string, Slot[]>, slot: Slot): void {
  const slots = arrived.get(slot.conversation_id);
  if (slots === undefined) arrived.set(slot.conversation_id, [slot]);
  else slots.push(slot);
}
