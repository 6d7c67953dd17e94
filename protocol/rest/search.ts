// Search over REST: `GET /v1/conversations/{id}/search` and `GET /v1/search`.
import * as v from "valibot";
import type { MsgEvent } from "../events.ts";
import { UserId } from "../ids.ts";
import { SEARCH_PAGE, SEARCH_PAGE_MAX, SEARCH_UNITS } from "../limits.ts";

const Ms = v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number));

/**
 * `q`: words, beginnings of words (`hel*`) and "phrases", all of which must be there; without case and accents. Of what is
 * written without spaces between words any part is found. `from` ≤ sent_at < `to`, in ms. `best`: what has all of it as one
 * phrase first, then near together, then the rest; each the newest first. A `cursor` belongs to the query that gave it.
 */
export const SearchQuery = v.object({
  q: v.pipe(v.string(), v.maxLength(SEARCH_UNITS)),
  order: v.optional(v.picklist(["newest", "best"]), "newest"),
  sender: v.optional(UserId),
  from: v.optional(Ms),
  to: v.optional(Ms),
  limit: v.optional(v.pipe(v.string(), v.regex(/^\d{1,4}$/), v.transform(Number), v.minValue(1), v.maxValue(SEARCH_PAGE_MAX)), String(SEARCH_PAGE)),
  cursor: v.optional(v.pipe(v.string(), v.maxLength(512))),
});
export type SearchQuery = v.InferOutput<typeof SearchQuery>;

/** The message as it now is. `highlights`: where its content has what was searched for, ascending: [start, end) in UTF-16 units. */
export type Hit = MsgEvent & { highlights: [number, number][] };

export interface SearchPage {
  hits: Hit[];
  /** null: there is nothing more. Over all conversations a page may be short, or empty, and still have more behind it. */
  next_cursor: string | null;
}
