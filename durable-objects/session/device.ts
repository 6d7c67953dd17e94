// One device of the user, whatever it is connected by. A frame's handler sees this and never a socket.
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { HeartbeatProfile } from "../../protocol/frames/presence.ts";

/** Events of one conversation that are pushed as one text. */
export interface Run {
  conversation_id: string;
  to_seq: number;
  events: number;
  bytes: number;
}

export interface Device {
  readonly device_id: string;
  /** Conversations that it has open. */
  readonly viewing: readonly string[];
  /** Frames for this device alone, as one text. Dropped where it is gone. */
  send(frames: readonly DownFrame[]): void;
  /** Frames that are encoded already. @param run the events among them */
  write(text: string, run?: Run): void;
  /** Its receipt: what was pushed to it up to here has arrived. */
  acknowledged?(conversationId: string, seq: number): void;
  /** It asks for all that it lacks: what it was pushed before counts no more. False: it did so too often, and is closed. */
  resumed?(): boolean;
  /** What it came back with. */
  has?(conversationId: string, seq: number): void;
  view(conversationIds: readonly string[]): void;
  /** A newer token of the same user: until and since when, in seconds since 1970. */
  prolong(exp: number, iat: number): void;
  /** How often it will be heard of from now on. */
  pace(profile: HeartbeatProfile): void;
  /** Work that goes on and may still send: an answer that is given as a whole waits for it. Never rejects. */
  during?(work: Promise<void>): void;
}

/** What a device had that is gone. */
export interface Gone {
  /** ms of its last sign */
  seen_at: number;
  viewing?: readonly string[] | undefined;
}
