// Connecting and catching up: `resume` and `auth_refresh` up; `hello`, `sync_required` and `going_away` down.
import * as v from "valibot";
import { ConversationId } from "../ids.ts";
import { RESUME_CURSORS } from "../limits.ts";
import { Text } from "./msg.ts";

const counter = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** What a client has: everything up to `seq` of that epoch. */
export const Cursor = v.object({ epoch: v.pipe(v.number(), v.safeInteger(), v.minValue(1)), seq: counter });
export type Cursor = v.InferOutput<typeof Cursor>;

export const ResumeFrame = v.object({
  type: v.literal("resume"),
  cursors: v.pipe(
    v.record(ConversationId, Cursor),
    v.check((cursors) => Object.keys(cursors).length <= RESUME_CURSORS, `more than ${RESUME_CURSORS} cursors`),
  ),
  user_seq: v.optional(counter),
});
export type ResumeFrame = v.InferOutput<typeof ResumeFrame>;

export const AuthRefreshFrame = v.object({ type: v.literal("auth_refresh"), token: v.pipe(Text, v.maxLength(8_192)) });

export const HelloFrame = v.object({
  type: v.literal("hello"),
  user_id: v.string(),
  device_id: v.string(),
  heartbeat: v.object({ interval_ms: v.number(), ttl_ms: v.number() }),
  user_seq: v.number(),
  limits: v.object({
    content_bytes: v.number(), frame_bytes: v.number(), page: v.number(), frames_per_array: v.number(),
    /** Of a page of history. Servers of before don't say, and give `page` at most. */
    history_page: v.optional(v.number()),
  }),
  server_time: v.number(),
});
export type HelloFrame = v.InferOutput<typeof HelloFrame>;

export const Head = v.object({ conversation_id: v.string(), epoch: v.number(), head_seq: v.number() });
export type Head = v.InferOutput<typeof Head>;

export const SyncRequiredFrame = v.object({ type: v.literal("sync_required"), conversations: v.array(Head) });
export type SyncRequiredFrame = v.InferOutput<typeof SyncRequiredFrame>;

export const GoingAwayFrame = v.object({ type: v.literal("going_away"), retry_after_ms: v.number() });
