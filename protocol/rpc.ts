// Calls between the Worker, sessions and conversations. Plain records both ways: expected refusals are `{ok: false}`, so
// that a thrown error always means that the call itself failed and its outcome is unknown.
// Old and new code overlap during a deploy: fields are only ever added, and optional.
import type { Encryption, Event, Kind, Role, Shown } from "./events.ts";
import type { FanoutMode } from "./frames/inbox.ts";
import type { SkipFrame } from "./frames/down.ts";
import type { AckFrame, Draft } from "./frames/msg.ts";
import type { StatusFrame } from "./frames/receipt.ts";
import type { Cursor, Head } from "./frames/sync.ts";
import type { Jurisdiction, LocationHint } from "./ids.ts";
import type { LastMessage } from "./frames/inbox.ts";
import type { ConversationDetail, HistoryQuery } from "./rest.ts";
import type { InboxCalls, PeekCall, Settled } from "./rpc/inbox.ts";
import type { PresenceCalls } from "./rpc/presence.ts";
import type { CreationCalls, GroupCalls } from "./rpc/groups.ts";
import type { ConversationErasure, SessionErasure } from "./rpc/erasure.ts";
import type { ConversationExports, SessionExports } from "./rpc/exports.ts";
import type { ArchiveAck, ArchiveAcked, ArchiveWrong, ArchiveWrongAnswer } from "./archive.ts";
import type { ChainQuery, ChainState, EventLink, LinksQuery } from "./chain-calls.ts";
import type { EventsQuery, KnownHead, RestoreState, RestoreStep } from "./restore-calls.ts";
import type { SegmentEvent } from "./segment.ts";
import type { AppendCall, AppendReply, EraseCall, Refusal } from "./rpc/append.ts";
import type { MessageReceipt, ReceiptMarks, ReceiptsCall, StatusCall } from "./rpc/receipts.ts";
import type { SearchableCalls, SearchCalls } from "./rpc/search.ts";
import type { ConversationMediaCalls, UploadCalls } from "./rpc/media.ts";
import type { ConversationKeepingCalls } from "./rpc/media-keeping.ts";
import type { BlockCall, UserCalls } from "./rpc/users.ts";

export * from "./rpc/append.ts";
export type * from "./rpc/receipts.ts";

export type Result<T> = ({ ok: true } & T) | Refusal;

/** Events as they go to sockets, encoded once for all who get the same. */
export interface EncodedEvents {
  from_seq: number;
  to_seq: number;
  /** A frame, or a JSON array of frames; empty for a session that wants `pb` alone. */
  json: string;
  /** The same as a message of `chat.v1.pb`, for sessions that asked for it. */
  pb?: Uint8Array;
}

export interface DeliverCall {
  conversation_id: string;
  kind: Kind;
  title: string | null;
  /** Both users of a direct conversation. */
  pair: [string, string] | null;
  epoch: number;
  events: EncodedEvents | null;
  /** What a device that sent some of these events gets in their place; null for nothing. */
  own: { device_id: string; events: EncodedEvents | null }[];
  head_seq: number;
  head_msg_no: number;
  /** Time of the head, ms. */
  head_at: number;
  /** Newest of the recipient's own messages in these events, or where they joined: either implies reading. */
  sent: { seq: number; msg_no: number } | null;
  /** How far the recipient has read, where a settle is to bring it to the inbox. */
  read?: { seq: number; msg_no: number } | null;
  /** Move the inbox, and answer after its commit. */
  settle: boolean;
  /** These were pushed before, and no device has said that they came. */
  again?: boolean;
  /** Devices may have these, and may have acknowledged them: the conversation has forgotten whom it told. */
  repeat?: boolean;
  /** The head is the event that ended this recipient's membership. */
  left: boolean;
  /** How the conversation reaches its members now. */
  mode?: FanoutMode;
  /** How `notify` names the conversation: 16 hex digits. */
  handle?: string;
  /** With a settle: the newest message that the recipient may see. Without the field: not known. */
  last?: LastMessage | null;
  /** Seqs of the messages settled here that mention the recipient, ascending; without `settle` none. */
  mentions?: number[];
  /** The conversation was restored up to here: of what somebody had of an older epoch, what is behind it is gone. */
  restored?: { seq: number; msg_no: number };
}

export interface DeliverReply {
  gen: number;
  live: boolean;
  /** Some of the user's sockets speak `chat.v1.pb`. */
  pb?: boolean;
  /** All of the user's devices do: events as they come need no JSON. */
  pb_alone?: boolean;
  /** Does a device have this conversation open? */
  viewing?: boolean;
  /** Until when the tokens of its sockets let it be live, ms. */
  until?: number;
  /** It takes deliveries over a line, too (line.ts). */
  lines?: true;
  /** To a settle: the inbox has more of this conversation than the settle speaks of. */
  known?: KnownHead;
}

export interface AttachCall {
  user_id: string;
  gen: number;
  /** ms: see DeliverReply. Without it nothing is leased. */
  until?: number;
}

export interface ResumeCall {
  user_id: string;
  cursor: Cursor;
  limit: number;
  conversation_id?: string;
  /** What the user's inbox has, which the conversation itself has put there. */
  known?: KnownHead | null;
  /** As in `attach`: a session that resumes is live. */
  gen?: number;
  until?: number;
  /** The device that resumes is the only one: nobody else lacks anything. */
  alone?: boolean;
}

export interface Resumed {
  frames: string[];
  reached_seq: number;
  head: Head;
  statuses?: StatusFrame[];
  /** How far the user has read, where no settle is still to come that brings it. */
  read?: { seq: number; msg_no: number };
}

/** What a session says of itself when a device opens a conversation, or none has it open any more. */
export interface ViewCall extends AttachCall {
  viewing: boolean;
  /** ms: see DeliverReply */
  until: number;
}

export interface CreateCall {
  conversation_id: string;
  creator_id: string;
  title: string;
  members: string[];
  max_members: number;
  location_hint: LocationHint | null;
  jurisdiction: Jurisdiction | null;
  encryption?: Encryption;
}

export interface MemberCall {
  /** null: the service */
  actor_id: string | null;
  user_id: string;
  /** null: the one they have, or `member` */
  role: Role | null;
}

/** A page as the conversation knows it: pruned events have a place and a hash, and their bodies are in the archive. */
export interface HistoryReply {
  events: (Event | PrunedEvent | SkipFrame)[];
  next_cursor: string | null;
  /** What comes before the first pruned event stands by itself: its length, and the cursor that goes on behind it. */
  seam?: { events: number; cursor: string };
  /** The head at the time of reading: messages are shown as all events up to here have made them. */
  as_of_seq?: number;
  /** Where it was asked for and nothing of the page is in the archive: the answer's JSON as it goes out, and `events` is empty. */
  text?: string;
}

export interface PrunedEvent {
  type: "pruned";
  conversation_id: string;
  epoch: number;
  seq: number;
  msg_id: string;
  sender_id: string;
  content_hash: string;
  /** What is laid over the body once it is read. */
  shown?: Shown;
  /** The edit whose content is the message's now; its body may be in the archive as well. */
  edit?: EventOf<"edit"> | PrunedEvent;
}

type EventOf<T extends Event["type"]> = Extract<Event, { type: T }>;

export interface ConversationStats {
  mode: FanoutMode;
  /** Users of whom a device has it open. */
  viewers: number;
  /** Sessions that are told: in a write-mode conversation those with a device that has it open. */
  attached: number;
  epoch: number;
  head_seq: number;
  fanout_seq: number;
  archived_seq: number;
  pruned_seq: number;
  sealed_seq: number;
  told_seq: number;
  /** The event that brought the mode. */
  mode_seq: number;
  lagging: number;
  members: number;
  rows_written: number;
  deliveries: number;
  delivery_calls: number;
  wakes: number;
}

export interface ConversationCalls extends GroupCalls, SearchCalls, ConversationErasure, ConversationExports, ConversationMediaCalls, ConversationKeepingCalls {
  /** Messages alone, as `isPlain` says. */
  append(call: AppendCall): Promise<AppendReply>;
  /** Any items. A method of its own: an object of before changes would take one for a message. */
  appendAny(call: AppendCall): Promise<AppendReply>;
  /** Any items, some of them with files: an object of before files would take one for a message without. */
  appendMedia(call: AppendCall): Promise<AppendReply>;
  /** Deletes a message in the operator's name; it may be deleted already. */
  erase(call: EraseCall): Promise<Result<{ changed: boolean }>>;
  create(call: CreateCall): Promise<Result<{ conversation: ConversationDetail; created: boolean }>>;
  putMember(call: MemberCall): Promise<Result<{ changed: boolean; role: Role }>>;
  removeMember(call: Omit<MemberCall, "role">): Promise<Result<{ changed: boolean }>>;
  rename(call: { actor_id: string; title: string }): Promise<Result<{ title: string }>>;
  describe(call: { user_id: string }): Promise<Result<{ conversation: ConversationDetail }>>;
  /** @param call `text`: the caller passes the page on, and takes it as text where it can be had so */
  history(call: { user_id: string; query: HistoryQuery; text?: true }): Promise<Result<{ page: HistoryReply }>>;
  /** A message as it was sent, and its edits, ascending; nothing of one that is deleted. */
  versions(call: { user_id: string; msg_id: string }): Promise<Result<{ page: HistoryReply }>>;
  /**
   * The events after a cursor for a resuming device, each encoded, at most `limit`, and the head. Below the head, what is
   * behind `reached_seq` must be pulled. `statuses`: what became of the user's own messages, which nobody told while away.
   */
  resume(call: ResumeCall): Promise<Result<Resumed>>;
  /** Answers once the watermarks are stored. Refuses with `bad_receipt` what the member can't have seen. */
  receipts(call: ReceiptsCall): Promise<Result<{ marks: ReceiptMarks }>>;
  /** What each member has done with a message; `not_found` where the user does not see it. */
  messageReceipts(call: { user_id: string; msg_id: string }): Promise<Result<{ receipts: MessageReceipt[] }>>;
  attach(call: AttachCall): Promise<void>;
  peek(call: PeekCall): Promise<Result<{ settled: Settled }>>;
  /** Who has the conversation open. A session's calls come in their order. */
  view(call: ViewCall): Promise<Result<{ mode: FanoutMode; head: Head }>>;
  /** Of a direct conversation: one of its users may no longer write, or may again. Where there is none nothing is written. */
  block(call: BlockCall): Promise<{ exists: boolean }>;
  /** A member types, or has stopped. Stored nowhere. */
  typing(call: { user_id: string; on: boolean }): Promise<Result<object>>;
  archived(ack: ArchiveAck): Promise<Result<ArchiveAcked>>;
  /** For the audit: where this stands, and the chain's checkpoints above `after`. */
  chain(query: ChainQuery): Promise<Result<{ chain: ChainState }>>;
  links(query: LinksQuery): Promise<Result<{ links: EventLink[] }>>;
  /** One step of rebuilding it from its archive. */
  restore(step: RestoreStep): Promise<Result<{ restore: RestoreState }>>;
  /** Events as they would be sealed, from a seq on. */
  unsealed(query: EventsQuery): Promise<Result<{ events: SegmentEvent[] }>>;
  segmentWrong(report: ArchiveWrong): Promise<Result<ArchiveWrongAnswer>>;
  stats(): Promise<Result<{ stats: ConversationStats }>>;
}

/** What a checked token says. `exp` and `iat` in seconds since 1970. */
export interface Claims {
  user_id: string;
  exp: number;
  /** Absent: from code that did not ask yet; older than any revocation. */
  iat?: number;
}

/** What has a bucket of its own beside the user's requests. */
export type Quota = "find" | "report" | "search" | "search_all";

export interface SessionCalls extends CreationCalls, InboxCalls, PresenceCalls, SearchableCalls, UserCalls, UploadCalls, SessionErasure, SessionExports {
  deliver(call: DeliverCall): Promise<DeliverReply>;
  /** What became of messages that this user has sent. */
  told(call: StatusCall): Promise<DeliverReply>;
  /** Revocation, deactivation, rate limit and registration of a REST call. `cost`: requests that it counts for. */
  admit(claims: Claims, cost: number, quota?: Quota): Promise<Result<object>>;
  send(claims: Claims, draft: Draft): Promise<Result<{ ack: AckFrame }>>;
  register(userId: string): Promise<void>;
  registered(): Promise<boolean>;
  /** How far the user's inbox has a conversation; null: it is not there. `member`: nor where they have left it. */
  knownHead(call: { conversation_id: string; member?: true }): Promise<KnownHead | null>;
}
