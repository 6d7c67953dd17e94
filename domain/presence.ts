// Who is there: decided from the signs of a user's devices when somebody asks, and never stored.
import { HEARTBEATS, type HeartbeatProfile, type PresenceStatus } from "../protocol/frames/presence.ts";
import { CLOCK_TOLERANCE_S } from "../protocol/limits.ts";

/** What is known of one connected device. `exp` of its token in seconds, everything else in ms. */
export interface Sign {
  device_id: string;
  exp: number;
  profile: HeartbeatProfile;
  connected_at: number;
  /** Its last ping, frame or poll. */
  seen_at: number;
}

/** ms until when this device counts as there if nothing more is heard of it: its profile's limit, or its token's end. */
export function freshUntil(sign: Pick<Sign, "exp" | "profile" | "seen_at">): number {
  return Math.min(sign.seen_at + HEARTBEATS[sign.profile].ttl_ms, (sign.exp + CLOCK_TOLERANCE_S) * 1_000);
}

export function isFresh(sign: Pick<Sign, "exp" | "profile" | "seen_at">, now: number): boolean {
  return now < freshUntil(sign);
}

export function decideStatus(signs: readonly Sign[], now: number): PresenceStatus {
  return signs.some((sign) => isFresh(sign, now)) ? "ONLINE" : "OFFLINE";
}

/** @param gone ms of the last sign of devices that are gone; null for none yet */
export function lastSeen(signs: readonly Sign[], gone: number | null): number | null {
  const times = signs.map((sign) => sign.seen_at);
  if (gone !== null) times.push(gone);
  return times.length === 0 ? null : Math.max(...times);
}

/**
 * Who makes room for a device that comes: a user has at most `most` devices, and a device as many sockets. The first to have
 * connected goes first, with all its sockets.
 */
export function decideRoom<T extends Pick<Sign, "device_id" | "connected_at">>(signs: readonly T[], deviceId: string, most: number): T[] {
  const oldest = signs.toSorted((a, b) => a.connected_at - b.connected_at);
  const own = oldest.filter((sign) => sign.device_id === deviceId);
  const others = new Set(oldest.map((sign) => sign.device_id).filter((device) => device !== deviceId));
  const leaving = new Set([...others].slice(0, Math.max(0, others.size + 1 - most)));
  return [...own.slice(0, Math.max(0, own.length + 1 - most)), ...oldest.filter((sign) => leaving.has(sign.device_id))];
}
