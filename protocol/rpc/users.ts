// Calls about people: between the Worker, sessions, the directory and the queue of reports.
import type { Result } from "../rpc.ts";
import type { ReportsErasure } from "./erasure.ts";
import type { ReportsExports } from "./exports.ts";
import type { Account, Block, Found, ProfilePatch, PublicProfile, Report, ReportBody, Evidence, ReportStatus } from "../users.ts";

/** What an unregistered user's session answers is `unknown_user`. */
export interface UserCalls {
  readProfile(): Promise<Result<{ profile: PublicProfile; discoverable: boolean }>>;
  readAccount(): Promise<Result<{ account: Account }>>;
  /** The service registers whom it changes. A user's own changes of the handle are few. */
  changeProfile(call: { user_id: string; patch: ProfilePatch; by: "user" | "service" }): Promise<Result<{ account: Account; created: boolean }>>;
  /** `revoke`: tokens issued before this, in seconds since 1970, are refused from now on. Sockets of who is out are closed at once. */
  setAccess(call: { deactivated?: boolean; revoke_before?: number }): Promise<Result<{ account: Account }>>;
  readBlocks(): Promise<Result<{ blocks: Block[] }>>;
  /** Answers once the direct conversation knows of it. */
  setBlock(call: { user_id: string; on: boolean }): Promise<Result<{ at: number }>>;
  /** May `from` begin a conversation with this user? */
  reachable(call: { from: string }): Promise<"yes" | "unknown" | "blocked">;
}

export interface BlockCall {
  /** Who may no longer write, or may again. */
  user_id: string;
  by: string;
  on: boolean;
}

/** The directory holds handles, each in one shard, and words of names, each in the shard of its beginning. */
export interface DirectoryCalls {
  /** `handle_taken` where somebody else has it. The same call again has the same answer; one that a later release overtook is refused. */
  claim(call: HandleCall): Promise<Result<object>>;
  /** Nothing happens where the user does not have it. */
  release(call: HandleCall): Promise<void>;
  holder(call: { handle: string }): Promise<string | null>;
  /** Replaces what the shard has of a user, unless it knows something newer. */
  put(call: PutCall): Promise<void>;
  /** People with a word that begins with the first of `words`, and others for the rest; the closest first. */
  find(call: { words: string[]; limit: number }): Promise<Found[]>;
}

export interface HandleCall {
  handle: string;
  user_id: string;
  /** The user's own count of changes. */
  rev: number;
  /** As in PutCall. */
  scrub?: true;
}

export interface PutCall {
  user_id: string;
  rev: number;
  /** Those of the user's words that belong to this shard; none where they are no longer to be found here. */
  words: string[];
  card: Omit<Found, "user_id"> | null;
  /** The user was erased: nothing of what the shard had of them may stay in its file. */
  scrub?: true;
}

export interface ReportsCalls extends ReportsErasure, ReportsExports {
  /** The same reporter's open report of the same thing is not filed twice. */
  file(call: ReportBody & { reporter_id: string; evidence: Evidence | null }): Promise<{ report: Report; created: boolean }>;
  list(call: { status: ReportStatus; cursor: number | null; limit: number }): Promise<{ reports: Report[]; next_cursor: string | null }>;
  close(call: { report_id: string; note: string | null }): Promise<Result<{ report: Report }>>;
}
