// The client as an application sees it: `connect`, then send, read and listen. Every failure is a ConfabError.
import type { ConversationDetail, ConversationRow, CreateBody } from "../protocol/rest.ts";
import type { PageAnswer } from "./answers.ts";
import { createGroup, deleteMember, putMember, renameConversation } from "./calls.ts";
import type { ConnectionState } from "./connection.ts";
import type { Conversation } from "./conversation.ts";
import { directId } from "./direct-id.ts";
import { Engine } from "./engine.ts";
import { type HistoryAsked, readHistory } from "./history.ts";
import type { ClientEvents, ConnectOptions, PlannedReconnect, SendOptions, Target } from "./options.ts";
import type { Sending } from "./sending.ts";

export type { ConversationDetail, ConversationRow } from "../protocol/rest.ts";
export type { ConnectionState } from "./connection.ts";
export type { CatchUp, Conversation } from "./conversation.ts";
export { ConfabError } from "./errors.ts";
export type { OlderState } from "./older.ts";
export type { ClientEvents, ConnectOptions, SendOptions, Target } from "./options.ts";
export { MemoryOutboxStore, type OutboxStore, type StoredMessage } from "./outbox-store.ts";
export type { Sending } from "./sending.ts";
export type { ChatEvent, Message, Slot } from "./timeline.ts";
export type { TokenProvider } from "./tokens.ts";

/** Connects at once, and stays connected until `close`. */
export function connect(options: ConnectOptions): ConfabClient {
  return new ConfabClient(new Engine(options));
}

export class ConfabClient {
  readonly #engine: Engine;

  /** Use `connect`. */
  constructor(engine: Engine) {
    this.#engine = engine;
    void engine.outbox.load();
    engine.connection.reconnect();
  }

  /** Who the token is for; null before the first connection unless it was given. */
  get user_id(): string | null {
    return this.#engine.user_id;
  }

  get state(): ConnectionState {
    return this.#engine.connection.state;
  }

  /** The last thousand planned reconnects, oldest first. */
  get reconnects(): readonly PlannedReconnect[] {
    return this.#engine.reconnects;
  }

  /** The result takes the listener off again. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (value: ClientEvents[Name]) => void): () => void {
    return this.#engine.events.on(name, listener);
  }

  /** Never refuses, connected or not: the message is PENDING until it is committed, in the order of these calls. */
  send(target: Target, content: string, options: SendOptions = {}): Sending {
    return this.#engine.outbox.add({ ...target, content, content_type: "text", ...options });
  }

  /** The list as it is known now, the last active first. */
  conversations(): readonly ConversationRow[] {
    return this.#engine.book.rows();
  }

  /** Whether the list was read: until then what is missing in it may only be late. */
  get listed(): boolean {
    return this.#engine.sync.listed;
  }

  /** Its events as far as they were read, and `loadOlder`; null while there is no such conversation here. */
  conversation(conversation_id: string): Conversation | null {
    return this.#engine.sync.get(conversation_id);
  }

  /** Own messages that are not among the conversation's events yet, in order. */
  unsettled(conversation_id: string): readonly Sending[] {
    return this.#engine.unsettled.of(conversation_id);
  }

  /** The id of the direct conversation with `peer_id`; null while it is unknown who we are. */
  directId(peer_id: string): string | null {
    const me = this.user_id;
    return me === null ? null : directId(me, peer_id);
  }

  /** One page as the server has it, newest first unless asked otherwise. */
  history(conversation_id: string, asked: HistoryAsked = {}, signal?: AbortSignal): Promise<PageAnswer> {
    return readHistory(this.#engine.rest, conversation_id, asked, signal);
  }

  /** Title and members. */
  describe(conversation_id: string): Promise<ConversationDetail> {
    return this.#engine.describe(conversation_id);
  }

  /** Rejects with `unknown_user` where a member is not registered; then nothing was made. */
  async createGroup(title: string, members: string[] = [], options: Partial<Omit<CreateBody, "kind" | "title" | "members">> = {}): Promise<ConversationDetail> {
    const client_msg_id = this.#engine.settled.environment.uuid();
    return this.#engine.described(await createGroup(this.#engine.rest, { client_msg_id, ...options, title, members }));
  }

  rename(conversation_id: string, title: string): Promise<void> {
    return renameConversation(this.#engine.rest, conversation_id, title);
  }

  /** Adds a member, or changes their role. */
  addMember(conversation_id: string, user_id: string, role: "admin" | "member" = "member"): Promise<void> {
    return putMember(this.#engine.rest, conversation_id, user_id, role);
  }

  /** Removes a member; oneself: leaves. */
  async removeMember(conversation_id: string, user_id: string): Promise<void> {
    await deleteMember(this.#engine.rest, conversation_id, user_id);
    if (user_id === this.user_id) this.#engine.sync.drop(conversation_id);
  }

  /** The network is back or the page is shown: ends a wait, and asks an open socket whether it lives. */
  wake(): void {
    this.#engine.connection.wake();
  }

  /** Tries again after a refusal, when somebody has acted. */
  reconnect(): void {
    this.#engine.connection.reconnect();
  }

  /** What is unacknowledged stays in the store. */
  close(): void {
    const { connection, outbox, sync, rest, events } = this.#engine;
    connection.close();
    outbox.close();
    sync.stop();
    rest.close();
    events.clear();
  }
}
