// Calls that give out what is kept, whole: from the archiver, behind its door, to the objects. They change nothing.
import type { Event, EventType } from "../events.ts";
import type { SkipFrame } from "../frames/down.ts";
import type { ConversationRow } from "../frames/inbox.ts";
import type { ConversationDetail } from "../rest.ts";
import type { RegisteredDevice } from "../rest/inbox.ts";
import type { PrunedEvent, Result } from "../rpc.ts";
import type { SegmentEvent } from "../segment.ts";
import type { Account, Block, Report } from "../users.ts";

/** `from`: the first seq of the page. `sender_id`: only this sender's. */
export interface ExportEventsCall {
  from: number;
  sender_id?: string | undefined;
}

export type ExportConversationCall = { part: "detail" } | ({ part: "events" } & ExportEventsCall) | { part: "stays"; user_id: string };

export interface ExportedConversation {
  conversation?: ConversationDetail;
  page?: ExportPage;
  stays?: ExportedStay[];
}

/** `sealed`: the event as a segment has it; null where its body is in the archive alone. `shown`: as it now is. */
export interface ExportedEvent {
  seq: number;
  msg_id: string;
  type: EventType;
  content_hash: string;
  sealed: SegmentEvent | null;
  shown: Event | PrunedEvent | SkipFrame;
}

export interface ExportPage {
  /** Ascending; without `sender_id` dense from `from`. */
  events: ExportedEvent[];
  /** The first seq behind the page; above the head: there is no more. */
  next: number;
  head_seq: number;
  epoch: number;
}

/** A user's stays in a conversation, and how far they had it. Times in ms. */
export interface ExportedStay {
  role: string;
  joined_seq: number;
  left_seq: number | null;
  delivered_seq: number;
  delivered_at: number;
  read_seq: number;
  read_at: number;
}

/** A conversation in a user's list. `left_at` in ms. */
export interface ExportedRow extends ConversationRow {
  left_at: number | null;
}

export interface ExportedUser {
  account: Account;
  devices: RegisteredDevice[];
  blocks: Block[];
}

export interface ConversationExports {
  exported(call: ExportConversationCall): Promise<Result<ExportedConversation>>;
}

export interface SessionExports {
  exportUser(): Promise<Result<{ user: ExportedUser }>>;
  /** By conversation_id, those that were left too. */
  exportInbox(call: { after: string; limit: number }): Promise<Result<{ rows: ExportedRow[]; next: string | null }>>;
}

export interface ReportsExports {
  /** Those that this user has filed. */
  exportReports(call: { user_id: string; after: number; limit: number }): Promise<{ reports: Report[]; next: number | null }>;
}
