// Changing what was sent: `edit`, `delete` and `react`. Each is an event of its own, and is answered by an `ack`.
import * as v from "valibot";
import { ClientMsgId, ConversationId, MsgId, UserId } from "../ids.ts";
import { byteLength, EMOJI_BYTES, MENTIONS } from "../limits.ts";
import { Text } from "./msg.ts";

const target = { client_msg_id: ClientMsgId, conversation_id: ConversationId, target_msg_id: MsgId };

export const EditFrame = v.object({
  type: v.literal("edit"),
  ...target,
  content: v.pipe(Text, v.minLength(1)),
  mentions: v.optional(v.pipe(v.array(UserId), v.maxLength(MENTIONS))),
});
export type EditFrame = v.InferOutput<typeof EditFrame>;

export const DeleteFrame = v.object({ type: v.literal("delete"), ...target });
export type DeleteFrame = v.InferOutput<typeof DeleteFrame>;

export const ReactFrame = v.object({
  type: v.literal("react"),
  ...target,
  emoji: v.pipe(Text, v.minLength(1), v.check((text) => byteLength(text) <= EMOJI_BYTES, `over ${EMOJI_BYTES} bytes`)),
  on: v.boolean(),
});
export type ReactFrame = v.InferOutput<typeof ReactFrame>;
