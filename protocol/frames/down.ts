// All frames that a server sends. An event is its own frame.
import * as v from "valibot";
import { ERRORS, type ErrorCode } from "../errors.ts";
import { Event } from "../events.ts";
import { InboxFrame } from "./inbox.ts";
import { AckFrame } from "./msg.ts";
import { HeartbeatSetFrame, PresenceFrame } from "./presence.ts";
import { CountStatusFrame, MemberStatusFrame } from "./receipt.ts";
import { GoingAwayFrame, HelloFrame, SyncRequiredFrame } from "./sync.ts";
import { TypingShownFrame } from "./viewing.ts";

export const ErrorFrame = v.object({
  type: v.literal("error"),
  code: v.picklist(Object.keys(ERRORS) as ErrorCode[]),
  message: v.string(),
  retryable: v.boolean(),
  retry_after_ms: v.optional(v.number()),
  client_msg_id: v.optional(v.string()),
  conversation_id: v.optional(v.string()),
});
export type ErrorFrame = v.InferOutput<typeof ErrorFrame>;

/** An event that this member may not see keeps its place in the sequence. */
export const SkipFrame = v.object({ type: v.literal("skip"), conversation_id: v.string(), epoch: v.number(), seq: v.number() });
export type SkipFrame = v.InferOutput<typeof SkipFrame>;

export const DownFrame = v.variant("type", [
  HelloFrame, AckFrame, Event, SkipFrame, MemberStatusFrame, CountStatusFrame, PresenceFrame, HeartbeatSetFrame,
  TypingShownFrame, InboxFrame, SyncRequiredFrame, GoingAwayFrame, ErrorFrame,
]);
export type DownFrame = v.InferOutput<typeof DownFrame>;
