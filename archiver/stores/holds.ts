// What a store knows of holds. A hold is noted first and then brought to the rows that are there, page by page; rows that
// come later are held by whoever archives them, who asks again after the write.
import type { Held } from "../rows.ts";

export type HoldKind = "conversation" | "user";

/** Where the work of a hold or a release stands: everything before it is done. */
export interface HoldPlace {
  conversation_id: string;
  bucket: string;
  message_id: string;
}

export interface Hold {
  kind: HoldKind;
  id: string;
  reason: string | null;
  /** ms */
  created_at: number;
  /** `releasing` counts as released: its rows get their ends back. */
  state: "applying" | "held" | "releasing";
  place: HoldPlace | null;
  /** Rows that were changed so far. */
  rows: number;
}

/** `last`: null where the bucket has no further row. */
export interface SettledPage {
  last: string | null;
  rows: number;
  changed: number;
}

/** Every call may throw StoreUnavailable. */
export interface HoldStore {
  /** Those that are noted, of both kinds. */
  holds(): Promise<Hold[]>;
  commitHold(hold: Hold): Promise<void>;
  removeHold(kind: HoldKind, id: string): Promise<void>;
  readHeld(conversationId: string, senders: ReadonlySet<string>): Promise<Held>;
  /**
   * Brings up to `limit` rows of a bucket, those after `after`, to what holds say at the end of the call: held rows have
   * no end, others end with their retention, at once where that is over. An edit or a deletion that comes meanwhile, before or
   * after, is neither undone nor lost.
   */
  settlePage(conversationId: string, bucket: string, after: string | null, limit: number): Promise<SettledPage>;
  /** The same for these rows. */
  settleRows(conversationId: string, rows: readonly { bucket: string; message_id: string }[]): Promise<void>;
  /** Notes for `conversationsOf` that a user's rows in a conversation are held, or are so no longer. */
  keepSender(userId: string, conversationId: string, held: boolean): Promise<void>;
  /** Conversations in which a user has rows, ascending, from one on. */
  conversationsOf(userId: string, from: string | null): AsyncIterable<string>;
  /**
   * Brings the index behind `conversationsOf` up to rows that programs without one have written. Goes on where it was
   * stopped. @param progress called with how many rows were looked at, every now and then; throws to stop
   */
  completeSenders(progress: (rows: number) => void): Promise<void>;
}
