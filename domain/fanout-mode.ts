// How a conversation reaches its members, by how many they are: each one's inbox is written, or whoever is online is told, or
// whoever has it open alone.
import type { Kind } from "../protocol/events.ts";
import type { FanoutMode } from "../protocol/frames/inbox.ts";
import type { Settings } from "../protocol/settings.ts";

export type ModeRule = Pick<Settings, "fanout_write_max" | "fanout_write_again" | "fanout_read_max" | "fanout_read_again">;

/** Going back takes fewer members than going up, so that one who comes and goes at the threshold moves nothing. */
export function decideMode(mode: FanoutMode, kind: Kind, members: number, rule: ModeRule): FanoutMode {
  if (kind === "direct") return "write";
  const writes = mode === "write" ? rule.fanout_write_max : Math.min(rule.fanout_write_again, rule.fanout_write_max);
  if (members <= writes) return "write";
  const reads = mode === "pubsub" ? Math.min(rule.fanout_read_again, rule.fanout_read_max) : rule.fanout_read_max;
  return members <= reads ? "read" : "pubsub";
}

/** How far events have come. */
export interface Reach {
  mode: FanoutMode;
  head_seq: number;
  /** Every member's inbox has been moved up to here, or owes it. */
  fanout_seq: number;
  /** Everybody who is there has been told up to here, or is owed it. */
  told_seq: number;
  /** The event that brought this mode: with it every member learns of the mode. */
  mode_seq: number;
}

/**
 * `settle`: every member's inbox must move. `tell`: only those who are there wait. Writing to inboxes goes up to the head; in
 * the other modes it ends with the event that brought the mode.
 */
export function decideWaiting(reach: Reach): "settle" | "tell" | "nothing" {
  const target = reach.mode === "write" ? reach.head_seq : reach.mode_seq;
  if (reach.fanout_seq < target) return "settle";
  return Math.max(reach.told_seq, reach.fanout_seq) < reach.head_seq ? "tell" : "nothing";
}
