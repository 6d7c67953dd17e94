// Calls about how long contents stay: on a Blob what is held and what the sweep has found, on a conversation whose files are held.
import type { Fate, ListedContent, MediaHold } from "../media-keeping.ts";
import type { Result } from "../rpc.ts";

export interface BlobKeepingCalls {
  /**
   * From now on the content is kept whatever its age, or not by this hold any more. `kept`: it lies where no rule of a store reaches;
   * false where the hold is about no message of it, or where the content is gone.
   */
  hold(call: { hold: MediaHold; held: boolean }): Promise<{ kept: boolean }>;
  /** What is to go is noted, and goes soon after. `now` in ms, by the store's clock. */
  sweep(call: { key: string; objects: ListedContent[]; now: number; dry_run: boolean }): Promise<{ fates: { name: string; fate: Fate }[] }>;
}

/** `list`: messages with a file after `after` that the hold is about. `mark`: those are held, or no more. */
export type HoldMediaCall =
  | { step: "list"; hold: MediaHold; after: number; limit: number }
  | { step: "mark"; hold: MediaHold; held: boolean; seqs: number[] };

/** `next`: null after the last part. */
export interface HeldMedia {
  media: { seq: number; media_key: string }[];
  next: number | null;
}

export interface ConversationKeepingCalls {
  holdMedia(call: HoldMediaCall): Promise<Result<HeldMedia>>;
}
