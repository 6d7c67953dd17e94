// The user's own list of conversations, as it changes: to all their devices.
import * as v from "valibot";
import { CONTENT_TYPES, Kind } from "../events.ts";

/** The newest message, as the list shows it. `preview`: the first PREVIEW_UNITS characters; null where the server may not look, or it was deleted. */
export const LastMessage = v.object({
  seq: v.number(), msg_id: v.string(), sender_id: v.string(), sent_at: v.number(), content_type: v.picklist(CONTENT_TYPES),
  preview: v.nullable(v.string()), deleted: v.optional(v.literal(true)),
});
export type LastMessage = v.InferOutput<typeof LastMessage>;

export const FanoutMode = v.picklist(["write", "read", "pubsub"]);
export type FanoutMode = v.InferOutput<typeof FanoutMode>;

/** One conversation in the list of its user. */
export const ConversationRow = v.object({
  conversation_id: v.string(),
  kind: Kind,
  title: v.nullable(v.string()),
  /** The other user of a direct conversation. */
  peer_id: v.nullable(v.string()),
  epoch: v.number(),
  head_seq: v.number(),
  head_msg_no: v.number(),
  read_seq: v.number(),
  /** Messages behind `read_seq`; a deleted one counts until read. */
  unread: v.number(),
  /** Those of them that mention the user. */
  unread_mentions: v.number(),
  last_message: v.nullable(LastMessage),
  /** ms of the last event that this user's session knows of */
  last_at: v.number(),
  muted: v.boolean(),
  archived: v.boolean(),
  mode: FanoutMode,
  /** 16 hex digits: how `notify` names the conversation. */
  handle: v.string(),
  /** The user is no member any more. Only in what changed, never in the list. */
  left: v.optional(v.literal(true)),
});
export type ConversationRow = v.InferOutput<typeof ConversationRow>;

/** A row that changed, with the user_seq of the change. */
export const InboxFrame = v.object({ type: v.literal("inbox"), user_seq: v.number(), conversation: ConversationRow });
export type InboxFrame = v.InferOutput<typeof InboxFrame>;
