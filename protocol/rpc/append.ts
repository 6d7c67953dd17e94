// What a session asks a conversation to append: messages, and changes of them. All take the same way, in the sender's order.
import type { ErrorCode } from "../errors.ts";
import type { ContentType } from "../events.ts";
import type { AckFrame } from "../frames/msg.ts";
import type { Media } from "../media.ts";
import type { KnownHead } from "../restore-calls.ts";

export type Refusal = { ok: false; code: ErrorCode; retry_after_ms?: number; message?: string };

interface Keyed {
  client_msg_id: string;
  /** null: over REST */
  device_id: string | null;
}

export interface MsgItem extends Keyed {
  type?: "msg";
  content: string;
  content_type: ContentType;
  reply_to?: string;
  mentions?: string[];
  client_sequence_number?: number;
  /** The content's key. */
  media_key?: string;
  media?: Media;
  /** ms: up to then its content waits for it. */
  claimed_until?: number;
  /** Its file can't be sent: only whether the message was sent before is asked. */
  refused?: Omit<Refusal, "ok">;
  /** It has waited long enough for the numbers before its own: it goes in with a gap. */
  force?: true;
}

interface Change extends Keyed {
  target_msg_id: string;
}

export interface EditItem extends Change {
  type: "edit";
  content: string;
  mentions?: string[];
}

export interface DeleteItem extends Change {
  type: "delete";
}

export interface ReactItem extends Change {
  type: "react";
  emoji: string;
  on: boolean;
}

export type ChangeItem = EditItem | DeleteItem | ReactItem;
export type AppendItem = MsgItem | ChangeItem;

export function isChange(item: AppendItem): item is ChangeItem {
  return item.type !== undefined && item.type !== "msg";
}

/** A message that an object of before changes, replies and numbers understands whole. */
export function isPlain(item: AppendItem): boolean {
  return !isChange(item) && !("reply_to" in item) && !("mentions" in item) && !("client_sequence_number" in item);
}

/** With a file. */
export function isMedia(item: AppendItem): boolean {
  return "media_key" in item || "refused" in item;
}

export interface AppendCall {
  conversation_id: string;
  sender_id: string;
  items: AppendItem[];
  /** Both users of a direct conversation that may be created: the session has seen that they are registered. */
  create: [string, string] | null;
  /** The sender's session has no socket but the sending device's: a live delivery to it would reach nobody. */
  alone: boolean;
  /** The generation of its sockets for which that was so: a call can be late. Missing from an older version's calls. */
  gen?: number;
  /** What the sender's inbox has of it, which the conversation itself has put there. */
  known?: KnownHead | null;
}

/** What became of an item, as its client is told. */
export type AppendAnswer = { ok: true; ack: AckFrame } | Refusal;

/** Its number is ahead of its turn, and nothing was written: the session holds it and asks again. */
export interface Early {
  ok: false;
  code: "early";
}

/** `absent`: there is no such conversation, and nothing was written. */
export type AppendReply = { kind: "answers"; answers: (AppendAnswer | Early)[] } | { kind: "absent" };

/** The operator's deletion of a message, in nobody's name. */
export interface EraseCall {
  msg_id: string;
}
