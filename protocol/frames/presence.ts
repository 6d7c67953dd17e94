// Who is there: heartbeat profiles and presence subscriptions up, `presence` and `heartbeat` down. Nothing here is an event.
import * as v from "valibot";
import { UserId } from "../ids.ts";
import { PRESENCE_USERS } from "../limits.ts";

/** How often a device pings, and how long its silence means that it is there. ms. */
export const HEARTBEATS = {
  foreground: { interval_ms: 10_000, ttl_ms: 30_000 },
  steady: { interval_ms: 15_000, ttl_ms: 30_000 },
  background: { interval_ms: 30_000, ttl_ms: 60_000 },
} as const;
export const HeartbeatProfile = v.picklist(["foreground", "steady", "background"]);
export type HeartbeatProfile = v.InferOutput<typeof HeartbeatProfile>;

/** Answered by a `heartbeat` frame. A connection begins as `foreground`. */
export const HeartbeatFrame = v.object({ type: v.literal("heartbeat"), profile: HeartbeatProfile });
export type HeartbeatFrame = v.InferOutput<typeof HeartbeatFrame>;

export const HeartbeatSetFrame = v.object({ type: v.literal("heartbeat"), profile: HeartbeatProfile, interval_ms: v.number(), ttl_ms: v.number() });
export type HeartbeatSetFrame = v.InferOutput<typeof HeartbeatSetFrame>;

const users = v.pipe(v.array(UserId), v.minLength(1), v.maxLength(PRESENCE_USERS));

/** Answered by a `presence` frame for each user at once, then one per change, for PRESENCE_SUB_MS unless renewed. */
export const PresenceSubFrame = v.object({ type: v.literal("presence_sub"), users });
export type PresenceSubFrame = v.InferOutput<typeof PresenceSubFrame>;
export const PresenceUnsubFrame = v.object({ type: v.literal("presence_unsub"), users });
export type PresenceUnsubFrame = v.InferOutput<typeof PresenceUnsubFrame>;

export const PresenceStatus = v.picklist(["ONLINE", "OFFLINE"]);
export type PresenceStatus = v.InferOutput<typeof PresenceStatus>;

/** `last_seen` in ms; null where there is none, it is hidden, or the asker shares no conversation. */
export const Presence = v.object({ user_id: v.string(), status: PresenceStatus, last_seen: v.nullable(v.number()) });
export type Presence = v.InferOutput<typeof Presence>;
export const PresenceFrame = v.object({ type: v.literal("presence"), ...Presence.entries });
export type PresenceFrame = v.InferOutput<typeof PresenceFrame>;
