// An archived row and the event that it holds. Fields keep their names; only msg_id is `message_id` here.
import { bucketOf, clockOf } from "../protocol/msg-id.ts";
import { ERASED_SALT, type SegmentEvent } from "../protocol/segment.ts";

/** What an event's row says for as long as it exists. */
export interface EventRow {
  bucket: string;
  message_id: string;
  seq: number;
  epoch: number;
  type: string;
  sender_id: string;
  /** ms: the event's sent_at */
  created_at: number;
  client_msg_id: string | null;
  msg_no: number | null;
  content_type: string | null;
  /** Canonical JSON of the type's own fields: what the content hash covers. Changes by being erased alone. */
  body: string;
  /** 16 bytes in hex */
  salt: string;
  /** 32 bytes in hex */
  content_hash: string;
}

/** A deletion has taken the content: the body is what is left of it, and the hash is of what was. */
export function isErased({ salt }: Pick<EventRow, "salt">): boolean {
  return salt === ERASED_SALT;
}

/** What an edit or a deletion changes of a message's row; null on rows of other types, but for an edit whose
 * content went with its message. */
export interface Shown {
  content: string | null;
  status: "SENT" | "EDITED" | "DELETED" | null;
  /** µs: the clock of the event that wrote content and status last */
  changed_at: number | null;
}

/** Of an event's row what shows that it is there, and whole: one write writes all of its cells, and a node applies all of it or nothing. */
export type Proof = Pick<EventRow, "seq" | "sender_id" | "body" | "salt" | "content_hash">;

/** A row as a store holds it. `event` is null where an edit came before its message, which is not there yet. */
export interface StoredRow extends Omit<Shown, "content"> {
  message_id: string;
  event: EventRow | Proof | null;
  /** Absent where only the proof of a row was read. */
  content?: string | null;
  bucket: string;
  /** It has no end; null: some of it has one. */
  held: boolean | null;
}

/** A row to write. */
export interface NewRow extends EventRow, Shown {
  /** s since 1970; null: it is held */
  expires_at: number | null;
}

/** @param body what the event's content hash covers */
export function rowOf(event: SegmentEvent, body: string, retentionS: number, held = NOBODY): NewRow {
  const message = event.type === "msg";
  return {
    bucket: bucketOf(event.msg_id),
    message_id: event.msg_id,
    seq: event.seq,
    epoch: event.epoch,
    type: event.type,
    sender_id: event.sender_id,
    created_at: event.sent_at,
    client_msg_id: event.client_msg_id ?? null,
    msg_no: message ? event.msg_no : null,
    content_type: message ? event.content_type : null,
    // A store's text is UTF-8, which has no lone surrogates; the body has them escaped.
    content: message ? event.content.toWellFormed() : null,
    status: message ? "SENT" : null,
    changed_at: message ? clockOf(event.msg_id) : null,
    body,
    salt: event.salt,
    content_hash: event.content_hash,
    expires_at: isHeld(held, event.sender_id) ? null : expiryOf(event.msg_id, retentionS),
  };
}

/** Whose rows of a conversation are held. */
export interface Held {
  /** Everybody's. */
  conversation: boolean;
  users: ReadonlySet<string>;
}
export const NOBODY: Held = { conversation: false, users: new Set() };

/** @param senderId null: not known */
export function isHeld(held: Held, senderId: string | null): boolean {
  return held.conversation || (senderId !== null && held.users.has(senderId));
}

/** When a row may go: retention counts from the message's own time, so that every write to it ends with it. */
export function expiryOf(messageId: string, retentionS: number): number {
  return Math.floor(clockOf(messageId) / 1_000_000) + retentionS;
}

/** The event exactly as it was sealed, whatever was edited later; of what was deleted, what is left. */
export function eventOf(conversationId: string, row: EventRow): SegmentEvent {
  return {
    conversation_id: conversationId,
    epoch: row.epoch,
    seq: row.seq,
    msg_id: row.message_id,
    sender_id: row.sender_id,
    sent_at: row.created_at,
    ...(row.client_msg_id === null ? {} : { client_msg_id: row.client_msg_id }),
    type: row.type,
    ...(row.msg_no === null ? {} : { msg_no: row.msg_no }),
    ...(JSON.parse(row.body) as object),
    salt: row.salt,
    content_hash: row.content_hash,
  } as SegmentEvent;
}
