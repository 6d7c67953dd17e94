// Calls of search.
import type { HistoryReply, Result } from "../rpc.ts";
import type { SearchQuery } from "../rest/search.ts";

/** Where a page ends: the message's id, and how well it fits, 0 for the best. */
export interface SearchPosition {
  tier: number;
  msg_id: string;
}

export interface SearchCall extends Omit<SearchQuery, "cursor"> {
  user_id: string;
  /** Only what is behind it. */
  after: SearchPosition | null;
  /** The one that `after` is from. */
  epoch?: number;
}

/** A hit as the conversation knows it: its body may be in the archive. */
export interface FoundHit {
  tier: number;
  event: HistoryReply["events"][number];
}

export interface SearchReply {
  hits: FoundHit[];
  epoch: number;
  as_of_seq: number;
  /** There are others behind these. */
  more: boolean;
}

export interface SearchCalls {
  /** Of what the member may see. `e2ee_unsupported`: nothing here can be read; `unavailable`: the index is being made. */
  search(call: SearchCall): Promise<Result<SearchReply>>;
}

/** Where a run of the user's conversations ends, in the order of their last activity. */
export interface WindowPosition {
  last_at: number;
  conversation_id: string;
}

export interface SearchableCall {
  after: WindowPosition | null;
  limit: number;
  /** ms: those of before `after` that were active since belong to it as well. */
  since: number | null;
}

export interface Searchable {
  conversations: string[];
  /** Where the next run begins; null: these were the last. */
  next: WindowPosition | null;
}

export interface SearchableCalls {
  searchable(call: SearchableCall): Promise<Result<Searchable>>;
}
