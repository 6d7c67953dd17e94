// The Conversation object's rows as records. Field names are the columns'.
import type { Encryption, EventType, History, Kind, Role } from "../../protocol/events.ts";
import type { FanoutMode } from "../../protocol/frames/inbox.ts";
import type { Jurisdiction, LocationHint } from "../../protocol/ids.ts";

export interface ConversationRecord {
  conversation_id: string;
  kind: Kind;
  title: string | null;
  epoch: number;
  max_members: number;
  location_hint: LocationHint | null;
  jurisdiction: Jurisdiction | null;
  encryption: Encryption;
  cursor_key: Uint8Array;
  history: History;
  mode: FanoutMode;
}

/** msg_no: messages up to and including this event. body: JSON of the type's own fields; null once
 * pruned. Erased by a deletion it is what is left of it, and the salt is zeros. */
export interface EventRecord {
  seq: number;
  msg_id: string;
  msg_no: number;
  type: EventType;
  sender_id: string;
  client_msg_id: string | null;
  device_id: string | null;
  content_type: string | null;
  body: string | null;
  salt: Uint8Array | null;
  /** Of what the body was, once that is pruned or erased. */
  content_hash: Uint8Array | null;
  /** The message that this event answers, edits, deletes or reacts to. */
  target_seq?: number | null;
}

/** As far as a reader is shown it. */
export type ShownRecord = Omit<EventRecord, "device_id" | "content_type" | "salt">;

export type NewEvent = Omit<EventRecord, "body" | "salt" | "content_hash"> & { body: string; salt: Uint8Array; client_sequence_number?: number | null; media_key?: string };

export interface Watermarks {
  fanout_seq: number;
  archived_seq: number;
  pruned_seq: number;
  /** In the modes that write no inboxes: everybody who is there was told up to here, or is owed it. */
  told_seq: number;
  /** The event that brought the mode. */
  mode_seq: number;
}

/** Kept in memory and stored with the next watermark. */
export interface Counters {
  rows_written: number;
  deliveries: number;
  delivery_calls: number;
  wakes: number;
}

export interface LaggingRecord {
  user_id: string;
  owed_from: number;
  due_at: number;
  attempts: number;
}

export interface SegmentRecord {
  from_seq: number;
  to_seq: number;
  sha256: string;
  put: boolean;
  acked: boolean;
  /** ms of the last PUT, or of the last look whether it is still in the bucket. */
  put_at: number;
  /** Looks whether it is still in the bucket. */
  looks: number;
  /** How often an archiver has found it wrong. */
  reports: number;
  /** An archiver says that what lies in the bucket is not what was sealed. */
  wrong: boolean;
}

/** A session that is to be told. `viewing`: one of its devices has the conversation open. `until`: ms. */
export interface AttachedRecord {
  user_id: string;
  gen: number;
  viewing: boolean;
  until: number;
}

export interface MemberChange {
  kind: "add" | "role" | "remove";
  user_id: string;
  role: Role;
}
