// Searching messages: in one conversation, or in all that the user is in.
import * as v from "valibot";
import { Event } from "../protocol/events.ts";
import type { Message } from "./timeline.ts";
import type { Rest } from "./rest.ts";

export interface SearchAsked {
  /** Without it all conversations are searched, the last active first. */
  conversation_id?: string;
  /** `best`: all of it as one phrase first, then near together, then the rest; else the newest first. */
  order?: "newest" | "best";
  sender?: string;
  /** from ≤ sent_at < to, ms. */
  from?: number;
  to?: number;
  /** 1–50; 20 by default. */
  limit?: number;
  /** The `next_cursor` of the page before, with the same query. */
  cursor?: string;
}

/** A message as it now is. `highlights`: what of its content was searched for, ascending: [start, end) as in `slice`. */
export type Hit = Message & { highlights: readonly (readonly [number, number])[] };

export interface SearchAnswer {
  hits: Hit[];
  /** null: there is nothing more. A page over all conversations may be short, and have more behind it. */
  next_cursor: string | null;
}

const Found = v.intersect([
  v.pipe(Event, v.check((event) => event.type === "msg", "a hit is a message")),
  v.object({ highlights: v.array(v.tuple([v.number(), v.number()])) }),
]);
const Answer = v.object({ hits: v.array(Found), next_cursor: v.nullable(v.string()) }) as unknown as v.GenericSchema<unknown, SearchAnswer>;

export function searchMessages(rest: Rest, q: string, { conversation_id, ...asked }: SearchAsked, signal?: AbortSignal): Promise<SearchAnswer> {
  const path = conversation_id === undefined ? "/v1/search" : `/v1/conversations/${encodeURIComponent(conversation_id)}/search`;
  return rest.call({ method: "GET", path, query: { q, ...asked }, answer: Answer, signal });
}
