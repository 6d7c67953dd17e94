// Sending: `msg` up, `ack` down.
import * as v from "valibot";
import { CONTENT_TYPES, ContentType } from "../events.ts";
import { ClientMsgId, ConversationId, MsgId, UserId } from "../ids.ts";
import { MENTIONS } from "../limits.ts";
import { Media } from "../media.ts";

/** Text that survives storage unchanged: a lone surrogate has no UTF-8. */
export const Text = v.pipe(v.string(), v.check((text) => text.isWellFormed(), "holds a lone surrogate"));

const fields = {
  client_msg_id: ClientMsgId,
  to: v.optional(UserId),
  conversation_id: v.optional(ConversationId),
  content: v.optional(Text, ""),
  content_type: v.optional(ContentType, "text"),
  /** Of an upload of the sender's own, or of a message that the sender may see: then `media_from` is its conversation. */
  media_key: v.optional(Text),
  media_from: v.optional(ConversationId),
  media: v.optional(Media),
  /** The message that this one answers; it must be one that the sender can see. */
  reply_to: v.optional(MsgId),
  /** Members to whom this is addressed; who is none is dropped. */
  mentions: v.optional(v.pipe(v.array(UserId), v.maxLength(MENTIONS))),
  /** Per conversation and device, counting up by one: what arrives out of turn waits for what is before it. */
  client_sequence_number: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
};

/** A message without its frame type: also the body of `POST /v1/messages`. Exactly one of `to` and `conversation_id`. */
export const Draft = v.pipe(
  v.object(fields),
  v.check((draft) => (draft.to === undefined) !== (draft.conversation_id === undefined), "give either to or conversation_id"),
  v.check((draft) => draft.content !== "" || draft.media_key !== undefined, "content is empty"),
);
export type Draft = v.InferOutput<typeof Draft>;

export const MsgFrame = v.pipe(
  v.object({ type: v.literal("msg"), ...fields }),
  v.check((draft) => (draft.to === undefined) !== (draft.conversation_id === undefined), "give either to or conversation_id"),
  v.check((draft) => draft.content !== "" || draft.media_key !== undefined, "content is empty"),
);
export type MsgFrame = v.InferOutput<typeof MsgFrame>;

/** A frame whose own type is IMAGE, VIDEO, AUDIO or DOCUMENT is a `msg` of that content_type. */
export const MSG_ALIASES: ReadonlyMap<string, ContentType> = new Map(
  CONTENT_TYPES.filter((type) => type !== "text").map((type) => [type.toUpperCase(), type]),
);

export const AckFrame = v.object({
  type: v.literal("ack"),
  client_msg_id: ClientMsgId,
  msg_id: v.string(),
  conversation_id: v.string(),
  epoch: v.number(),
  seq: v.number(),
  status: v.literal("SENT"),
  sent_at: v.number(),
  dup: v.optional(v.literal(true)),
  /** The content's key, which takes the place of the upload's. */
  media_key: v.optional(v.string()),
});
export type AckFrame = v.InferOutput<typeof AckFrame>;
