// Calls that take a person's content away: from the archiver, behind its door, to the objects. Each may be asked again: what
// is done already changes nothing.
import type { Result } from "../rpc.ts";

/** A part of a conversation: the events after `after`, as many as one turn takes. */
export interface EraseSenderCall {
  user_id: string;
  after: number;
  /** Counts, and changes nothing. */
  dry_run: boolean;
}

export interface ErasedSender {
  /** Whose content went with this call, or would. */
  messages: number;
  reactions: number;
  /** The call ended the user's stay in the group, or would. */
  left: boolean;
  /** Where the next call goes on; null: this was the last part. */
  next: number | null;
  /** Segments that are planned and still to be put. */
  unput: number;
  /** Files that messages have let go of, and whose Blobs have still to hear it. */
  unreleased?: number;
}

export interface EraseUserCall {
  user_id: string;
  dry_run: boolean;
}

/** What a session took away, or would. */
export interface ErasedUser {
  /** ms: from then on nothing of this user's is taken in. */
  at: number;
  profile: boolean;
  devices: number;
  previews: number;
  /** What the directory has still to hear. */
  untold: number;
  /** Uploads that wait to be sent: who asks removes them from the store, and then drops them. */
  waiting?: { key: string; upload_id: string | null }[];
}

export interface Scrubbed {
  /** False: the object is too large to be written anew in one turn. */
  scrubbed: boolean;
}

/** `sender`: see EraseSenderCall. `put_again`: every segment that is not acknowledged is put again, since in its place in the bucket
 * may be an older copy, or something broken. `people`: who ever was in it. `scrub`: the object's file loses its freed bytes. */
export type EraseConversationCall =
  | ({ step: "sender" } & EraseSenderCall)
  | { step: "put_again" }
  | { step: "people" }
  | { step: "scrub" };

export interface ErasedConversation {
  erased?: ErasedSender;
  segments?: number;
  users?: string[];
  scrubbed?: boolean;
}

export interface ConversationErasure {
  eraseSender(call: EraseConversationCall): Promise<Result<ErasedConversation>>;
}

export interface SessionErasure {
  eraseUser(call: EraseUserCall): Promise<Result<{ erased: ErasedUser }>>;
  scrub(): Promise<Scrubbed>;
}

export interface ReportsErasure {
  /** Copies of this user's messages, and what they wrote in reports of their own. */
  eraseUser(call: EraseUserCall): Promise<{ reports: number }>;
  scrub(): Promise<Scrubbed>;
}
