// The list of conversations, long polls, devices and queued pushes over REST.
import * as v from "valibot";
import type { ConversationRow } from "../frames/inbox.ts";
import { DeviceId } from "../ids.ts";
import { PAGE, PAGE_MAX, POLL_WAIT_MS, PUSH_TOKEN_LENGTH } from "../limits.ts";

const Counter = v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number));
const Flag = v.pipe(v.picklist(["true", "false"]), v.transform((text) => text === "true"));

/**
 * `GET /v1/conversations`, last active first. `archived` shows only those that are, or are not. With `since`, a user_seq, the
 * answer is a `ChangedConversations`, and nothing else of the query counts.
 */
export const ListQuery = v.object({
  cursor: v.optional(v.pipe(v.string(), v.maxLength(512))),
  limit: v.optional(v.pipe(v.string(), v.regex(/^\d{1,4}$/), v.transform(Number), v.minValue(1), v.maxValue(PAGE_MAX)), String(PAGE)),
  archived: v.optional(Flag),
  since: v.optional(Counter),
});
export type ListQuery = v.InferOutput<typeof ListQuery>;

export interface ConversationList {
  conversations: ConversationRow[];
  next_cursor: string | null;
}

/** What changed since a user_seq, oldest change first, left conversations too; at most CHANGES_MAX, and `more` says that there are others. */
export interface ChangedConversations {
  conversations: ConversationRow[];
  /** What the next call gives as `since`. */
  user_seq: number;
  more: boolean;
}

/** `PATCH /v1/inbox/{conversation_id}`: answered by the row. */
export const InboxPatch = v.pipe(
  v.strictObject({ muted: v.optional(v.boolean()), archived: v.optional(v.boolean()) }),
  v.check((patch) => patch.muted !== undefined || patch.archived !== undefined, "give muted or archived"),
);
export type InboxPatch = v.InferOutput<typeof InboxPatch>;

/**
 * `GET /v1/poll`. `user_seq`: what the last answer said; 0 is from the start. `wait` in ms: how long the answer may be held while
 * there is nothing to say. Polls that give no `device_id` share one.
 */
export const PollQuery = v.object({
  user_seq: v.optional(Counter, "0"),
  wait: v.optional(v.pipe(v.string(), v.regex(/^\d{1,5}$/), v.transform(Number), v.maxValue(POLL_WAIT_MS)), "0"),
  device_id: v.optional(DeviceId),
});
export type PollQuery = v.InferOutput<typeof PollQuery>;

/** `POST /v1/frames`: whose device sends them. Its own messages don't come back to it in a poll. */
export const FramesQuery = v.object({ device_id: v.optional(DeviceId) });

/** `PUT /v1/devices/{device_id}`: where its push notifications go. */
export const DeviceBody = v.strictObject({
  platform: v.picklist(["apns", "fcm", "webpush"]),
  token: v.pipe(v.string(), v.regex(/^[\x21-\x7e]+$/), v.maxLength(PUSH_TOKEN_LENGTH)),
});
export type DeviceBody = v.InferOutput<typeof DeviceBody>;

/** A registered device, as its user sees it: the token is never given back. */
export interface RegisteredDevice {
  device_id: string;
  platform: DeviceBody["platform"];
  /** ms */
  updated_at: number;
}

/** What waits to become a push notification: the messages from_seq to to_seq of a conversation. `queued_at` in ms. */
export interface QueuedPush {
  conversation_id: string;
  from_seq: number;
  to_seq: number;
  /** One of them mentions the user. */
  mention: boolean;
  queued_at: number;
}
