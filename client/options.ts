// What `connect` takes, what a client tells, and the defaults.
import { type BackoffPolicy, RECONNECT } from "../domain/backoff.ts";
import type { ContentType } from "../protocol/events.ts";
import type { ConversationRow } from "../protocol/frames/inbox.ts";
import type { Media, MediaKind } from "../protocol/media.ts";
import type { ConnectionState } from "./connection-state.ts";
import { DISPATCH_LIMITS, type DispatchLimits } from "./dispatcher.ts";
import { type Environment, systemEnvironment } from "./environment.ts";
import type { ConfabError } from "./errors.ts";
import { MemoryOutboxStore, type OutboxStore } from "./outbox-store.ts";
import type { Sending } from "./sending.ts";
import { RECEIPT_TIMES, type ReceiptTimes } from "./receipts.ts";
import type { SocketTimes } from "./socket.ts";
import { SYNC_TIMES, type SyncTimes } from "./sync.ts";
import type { ChatEvent } from "./timeline.ts";
import type { TokenProvider } from "./tokens.ts";

export interface ConnectOptions {
  /** The deployment's address, or several of its front doors: `https://chat.example.com`. */
  url: string | readonly string[];
  token: TokenProvider;
  /** Names this device over reconnects; random by default. */
  device_id?: string;
  /** Keeps unacknowledged messages over a reload; in memory by default. */
  store?: OutboxStore;
  /** Whom the token is for, where that is known before the first connection. */
  user_id?: string | null;
  environment?: Environment;
  backoff?: BackoffPolicy;
  limits?: Partial<DispatchLimits>;
  /** Events of a conversation that are kept in memory while new ones come; the oldest half goes then. 10,000 by default. */
  keep_events?: number;
  times?: Partial<Times>;
}

export type Times = SocketTimes & SyncTimes & ReceiptTimes;

/** A person (their direct conversation is made by the first message) or a conversation. */
export type Target = { to: string } | { conversation_id: string };

export interface SendOptions {
  content_type?: ContentType;
  /** Of an upload of one's own, or of a message that one sees: then `media_from` is its conversation. */
  media_key?: string;
  media_from?: string;
  media?: Media;
  /** The msg_id of a message in the same conversation that this one answers. */
  reply_to?: string;
  /** Members to whom it is addressed. */
  mentions?: string[];
  /** The same id again is the same message, however often it is sent. */
  client_msg_id?: string;
}

export interface UploadOptions {
  /** By the file's type, unless it is given. */
  kind?: MediaKind;
  content_type?: string;
  signal?: AbortSignal;
  onProgress?: (sent: number, size: number) => void;
}

export type MediaOptions = Omit<SendOptions, "content_type" | "media_key" | "media_from" | "media"> & UploadOptions & {
  /** Said beside the file. */
  content?: string;
  /** A promise: the message waits for it, however soon the file is up; without an answer it goes as it is. */
  media?: Media | Promise<Media>;
};

export interface ClientEvents {
  state: ConnectionState;
  /** Every event of every conversation once, in each one's order, own messages too. */
  event: ChatEvent;
  /** A conversation's id: its events, its older pages or its unsettled messages changed. */
  conversation: string;
  /** The list changed. */
  conversations: readonly ConversationRow[];
  sending: Sending;
  /** The file of one of this user's messages is further on its way; see `Sending.upload`. */
  upload: Sending;
  /** A conversation's id: who is writing there changed. */
  typing: string;
  /** A watched user's id: whether they are there changed. */
  presence: string;
  /** The conversation was restored on the server; its events come again. */
  restored: string;
  /** What went wrong in the background; most of it is tried again. */
  error: ConfabError;
}

/** A reconnect as it was planned. */
export interface PlannedReconnect {
  /** ms since 1970 */
  at: number;
  attempt: number;
  delay_ms: number;
}

export interface Settled {
  environment: Environment;
  store: OutboxStore;
  device_id: string;
  user_id: string | null;
  backoff: BackoffPolicy;
  limits: DispatchLimits;
  keep_events: number;
  times: Times;
}

export function withDefaults(options: ConnectOptions): Settled {
  const environment = options.environment ?? systemEnvironment;
  return {
    environment,
    store: options.store ?? new MemoryOutboxStore(),
    device_id: options.device_id ?? environment.uuid(),
    user_id: options.user_id ?? null,
    backoff: options.backoff ?? RECONNECT,
    limits: { ...DISPATCH_LIMITS, ...options.limits },
    keep_events: options.keep_events ?? 10_000,
    times: { handshake_ms: 15_000, pong_ms: 5_000, socket_again_ms: 30_000, ...SYNC_TIMES, ...RECEIPT_TIMES, ...options.times },
  };
}
