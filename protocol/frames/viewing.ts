// What a device is looking at: `open`, `close` and `typing` up, `typing` down. Never stored as events.
import * as v from "valibot";
import { ConversationId } from "../ids.ts";

/** This device shows the conversation: it gets bodies of large groups, and typing. Has no answer unless it is wrong. */
export const OpenFrame = v.object({ type: v.literal("open"), conversation_id: ConversationId });
export type OpenFrame = v.InferOutput<typeof OpenFrame>;
export const CloseFrame = v.object({ type: v.literal("close"), conversation_id: ConversationId });
export type CloseFrame = v.InferOutput<typeof CloseFrame>;

/** At most one in TYPING_EVERY_MS is passed on; `on: true` expires after TYPING_MS by itself. */
export const TypingFrame = v.object({ type: v.literal("typing"), conversation_id: ConversationId, on: v.boolean() });
export type TypingFrame = v.InferOutput<typeof TypingFrame>;

export const TypingShownFrame = v.object({ type: v.literal("typing"), conversation_id: v.string(), user_id: v.string(), on: v.boolean() });
export type TypingShownFrame = v.InferOutput<typeof TypingShownFrame>;
