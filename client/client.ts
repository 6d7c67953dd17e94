// The client as an application sees it: `connect`, then send, read and listen. Every failure is a ConfabError.
import type { ConversationRow } from "../protocol/frames/inbox.ts";
import type { Role } from "../protocol/events.ts";
import type { ConversationDetail, CreateBody } from "../protocol/rest.ts";
import type { HeartbeatProfile, Presence } from "../protocol/frames/presence.ts";
import type { PageAnswer, ReceiptsAnswer } from "./answers.ts";
import { createGroup, deleteMember, putMember, readReceipts, renameConversation } from "./calls.ts";
import type { ConnectionState } from "./connection-state.ts";
import type { Conversation } from "./conversation.ts";
import { directId } from "./direct-id.ts";
import { Engine } from "./engine.ts";
import { Groups } from "./groups.ts";
import type { FileOf } from "./media/urls.ts";
import { sendFile, uploadNow, type Uploaded } from "./media/send.ts";
import { type HistoryAsked, readHistory } from "./history.ts";
import type { ClientEvents, ConnectOptions, MediaOptions, PlannedReconnect, SendOptions, Target, UploadOptions } from "./options.ts";
import type { OutboxDraft } from "./outbox.ts";
import { People } from "./people.ts";
import { type SearchAnswer, type SearchAsked, searchMessages } from "./search.ts";
import type { Sending } from "./sending.ts";
import type { MessageStatus } from "./statuses.ts";
import type { Message } from "./timeline.ts";

export type { ConversationRow, LastMessage } from "../protocol/frames/inbox.ts";
export type { ConversationDetail } from "../protocol/rest.ts";
export type { ConnectionState } from "./connection-state.ts";
export type { CatchUp, Conversation } from "./conversation.ts";
export type { Found, Profile, PublicProfile } from "../protocol/users.ts";
export { withPending } from "./pending.ts";
export { ConfabError } from "./errors.ts";
export type { MessageStatus, Watermark } from "./statuses.ts";
export type { HeartbeatProfile, Presence } from "../protocol/frames/presence.ts";
export type { Reaction, Role } from "../protocol/events.ts";
export type { OlderState } from "./older.ts";
export { INLINE_TYPES, type Media, MEDIA_LIMITS, type MediaKind, WAVEFORM } from "../protocol/media.ts";
export { mediaOf } from "./media/send.ts";
export { fileNameOf, mediaTypeOf } from "./media/types.ts";
export type { ClientEvents, ConnectOptions, MediaOptions, SendOptions, Target, UploadOptions } from "./options.ts";
export { MemoryOutboxStore, type OutboxStore, type StoredMessage } from "./outbox-store.ts";
export type { Hit, SearchAnswer, SearchAsked } from "./search.ts";
export type { Uploaded } from "./media/send.ts";
export type { Sending, UploadState } from "./sending.ts";
export type { ChatEvent, Message, Slot } from "./timeline.ts";
export type { TokenProvider } from "./tokens.ts";

/** Connects at once, and stays connected until `close`. */
export function connect(options: ConnectOptions): ConfabClient {
  return new ConfabClient(new Engine(options));
}

export class ConfabClient {
  readonly #engine: Engine;
  /** Profiles, search, blocks, reports. */
  readonly people: People;
  /** Invitations, bans, history for new members. */
  readonly groups: Groups;

  /** Use `connect`. */
  constructor(engine: Engine) {
    this.#engine = engine;
    this.people = new People(engine.rest);
    this.groups = new Groups(engine.rest);
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

  /**
   * As `send`, with a file: it is brought to the store, again and from where it stopped if need be, and the message takes its place
   * in the order once it is up; what is sent meanwhile does not wait. `sending.upload` and the event `upload` tell how far it
   * is, `sending.cancel()` or the signal take it back. Files that wait survive a reload where the store keeps files.
   */
  sendMedia(target: Target, file: Blob, options: MediaOptions = {}): Sending {
    return sendFile(this.#engine, target, file, options);
  }

  /** The message's content and file once more, in another conversation; nothing is uploaded. */
  forward(target: Target, { content, content_type, conversation_id, media_key, media }: Message): Sending {
    const file = media_key === undefined ? {} : { media_key, media_from: conversation_id, ...(media === undefined ? {} : { media }) };
    return this.#engine.outbox.add({ ...target, content, content_type, ...file });
  }

  /** Brings a file to the store, for a message that is sent by its `media_key` within a day. One try. */
  upload(file: Blob, options: UploadOptions = {}): Promise<Uploaded> {
    return uploadNow(this.#engine, file, options);
  }

  /**
   * Where a message's file can be read for the next minutes; the same until shortly before that is over. Rejects with `not_found`
   * where it is not for this user, or deleted, and with `media_expired`.
   */
  mediaUrl(message: FileOf): Promise<string> {
    return this.#engine.mediaUrls.of(message);
  }

  /** An address was refused at the store: the next `mediaUrl` asks for another. */
  forgetMediaUrl(message: FileOf): void {
    this.#engine.mediaUrls.forget(message);
  }

  /** Changes one's own message; `content` is all of what it says from then on. Refused once its time for that is over. */
  edit(message: Message, content: string, mentions?: string[]): Sending {
    return this.#change("edit", message, { content, ...(mentions === undefined ? {} : { mentions }) });
  }

  /** Takes a message away for everybody: one's own, or as owner or admin of a group any. */
  delete(message: Message): Sending {
    return this.#change("delete", message, {});
  }

  react(message: Message, emoji: string, on = true): Sending {
    return this.#change("react", message, { emoji, on });
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

  /** No pushes and no count in the title for it; on all of this user's devices. */
  mute(conversation_id: string, muted: boolean): Promise<void> {
    return this.#engine.inbox.set(conversation_id, { muted });
  }

  /** Out of the list until somebody writes there; on all of this user's devices. */
  archive(conversation_id: string, archived: boolean): Promise<void> {
    return this.#engine.inbox.set(conversation_id, { archived });
  }

  /** What became of one of this user's messages; an ack says which. Told by the event `conversation`. */
  status({ conversation_id, seq }: Pick<Message, "conversation_id" | "seq">): MessageStatus {
    return this.#engine.statusOf(conversation_id, seq);
  }

  /** Who has a message since when. */
  async receipts({ conversation_id, msg_id }: Message): Promise<ReceiptsAnswer["receipts"]> {
    return (await readReceipts(this.#engine.rest, conversation_id, msg_id)).receipts;
  }

  /** A view shows the conversation until the result is called: its typing is told, and of large groups the bodies come. */
  show(conversation_id: string): () => void {
    return this.#engine.show(conversation_id);
  }

  /** This user writes there, or stopped to. May be called with every key. */
  typing(conversation_id: string, on: boolean): void {
    this.#engine.live.typing.mine(conversation_id, on);
  }

  /** Asks to be told whether these users are there until the result is called. Only who shares a conversation is seen. */
  watch(users: readonly string[]): () => void {
    return this.#engine.live.presences.watch(users);
  }

  /** Of a watched user; null while it is unknown. */
  presence(user_id: string): Presence | null {
    return this.#engine.live.presences.get(user_id);
  }

  /** `background` where nobody looks: the device says less often that it is there. */
  profile(profile: HeartbeatProfile): void {
    this.#engine.live.presences.profile(profile);
  }

  /** Own messages and changes that are not among the conversation's events yet, in order. */
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

  /**
   * Messages that have all of `q`: words, beginnings of words (`caf*`) and "phrases", whatever their case and accents. Rejects
   * with `e2ee_unsupported` in an encrypted group, and with `bad_request` where `q` has no word in it.
   */
  search(q: string, asked: SearchAsked = {}, signal?: AbortSignal): Promise<SearchAnswer> {
    return searchMessages(this.#engine.rest, q, asked, signal);
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

  /** Adds a member, or changes their role; `owner` hands the group over. */
  addMember(conversation_id: string, user_id: string, role?: Role): Promise<void> {
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
    const { connection, outbox, uploads, sync, rest, events, live, inbox } = this.#engine;
    connection.close();
    live.receipts.stop();
    inbox.stop();
    outbox.close();
    uploads.stop();
    sync.stop();
    rest.close();
    events.clear();
  }

  #change(type: "edit" | "delete" | "react", { conversation_id, msg_id }: Message, change: Partial<OutboxDraft>): Sending {
    return this.#engine.outbox.add({ type, conversation_id, target_msg_id: msg_id, content: "", content_type: "text", ...change });
  }
}
