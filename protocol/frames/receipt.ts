// What became of messages: `receipt` up, `status` down. Both are watermarks: they speak of everything up to a seq.
import * as v from "valibot";
import { ConversationId } from "../ids.ts";

export const ReceiptStatus = v.picklist(["DELIVERED", "READ"]);
export type ReceiptStatus = v.InferOutput<typeof ReceiptStatus>;

const seq = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** Has no answer unless it is wrong: above the head, or below what the member may see, it is `bad_receipt`. */
export const ReceiptFrame = v.object({ type: v.literal("receipt"), conversation_id: ConversationId, up_to_seq: seq, status: ReceiptStatus });
export type ReceiptFrame = v.InferOutput<typeof ReceiptFrame>;

/** One member's watermark: to the senders of what it passed, and to the member's own other devices. `at` in ms. */
export const MemberStatusFrame = v.object({
  type: v.literal("status"), conversation_id: v.string(), user_id: v.string(), up_to_seq: v.number(), status: ReceiptStatus, at: v.number(),
});
export type MemberStatusFrame = v.InferOutput<typeof MemberStatusFrame>;

/** How many members have the sender's message, of those who were members at its seq, its sender left out. */
export const CountStatusFrame = v.object({
  type: v.literal("status"), conversation_id: v.string(), msg_id: v.string(), seq: v.number(),
  delivered: v.number(), read: v.number(), total: v.number(),
});
export type CountStatusFrame = v.InferOutput<typeof CountStatusFrame>;

export const StatusFrame = v.union([MemberStatusFrame, CountStatusFrame]);
export type StatusFrame = v.InferOutput<typeof StatusFrame>;
