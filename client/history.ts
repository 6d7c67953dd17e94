// Pages of history over REST.
import { PageAnswer } from "./answers.ts";
import type { ContentType } from "../protocol/events.ts";
import type { Rest } from "./rest.ts";

/** Newest first, unless `order` or `after` say otherwise. A `cursor` goes with the query that gave it. */
export interface HistoryAsked {
  cursor?: string;
  /** 1–1,000; 50 by default. A server of before takes 100 at most: its greeting has no `limits.history_page`. */
  limit?: number;
  order?: "asc" | "desc";
  /** from ≤ sent_at < to, ms. */
  from?: number;
  to?: number;
  /** A seq or a msg_id; ascending. */
  after?: number | string;
  content_type?: ContentType;
}

export function readHistory(rest: Rest, conversation_id: string, asked: HistoryAsked, signal?: AbortSignal): Promise<PageAnswer> {
  return rest.call({
    method: "GET",
    path: `/v1/history/${encodeURIComponent(conversation_id)}`,
    query: { ...asked },
    answer: PageAnswer,
    signal,
  });
}
