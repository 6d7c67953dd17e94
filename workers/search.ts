// Hits as they are answered, and the search through all of a user's conversations: run by run in the order of their last
// activity, a few at a time, so that no request wakes more than SEARCH_CONVERSATIONS of them.
import { highlightsOf } from "../domain/search/match.ts";
import { parseQuery, type Query } from "../domain/search/query.ts";
import { conversationOf, type Env, sessionOf } from "../durable-objects/platform/env.ts";
import { ChatError } from "../protocol/errors.ts";
import { SEARCH_CONVERSATIONS, SEARCH_WINDOW } from "../protocol/limits.ts";
import type { Hit, SearchPage, SearchQuery } from "../protocol/rest/search.ts";
import type { FoundHit, SearchCall, SearchPosition, WindowPosition } from "../protocol/rpc/search.ts";
import { withArchivedBodies } from "./archived.ts";
import { expectOk } from "./errors.ts";
import { filterOf, openWideCursor, sealWideCursor, type WideCursor } from "./search-cursor.ts";

/** Conversations that are asked at once. */
const WIDTH = 10;

/** Throws `bad_request`. */
export function expectQuery({ q }: SearchQuery): Query {
  const parsed = parseQuery(q);
  if (!parsed.ok) throw new ChatError("bad_request", { message: parsed.message });
  return parsed.query;
}

export function callOf(userId: string, query: SearchQuery, after: SearchPosition | null): SearchCall {
  const { cursor: _cursor, ...asked } = query;
  return { ...asked, user_id: userId, after };
}

/** Hits of one conversation, with their bodies. */
export async function shownHits(env: Env, query: Query, found: readonly FoundHit[], asOfSeq: number): Promise<Hit[]> {
  const { events } = await withArchivedBodies(env, { events: found.map(({ event }) => event), next_cursor: null, as_of_seq: asOfSeq });
  return events.flatMap((event) => (event.type === "msg" ? [{ ...event, highlights: highlightsOf(query, event.content) }] : []));
}

interface WideHit extends SearchPosition {
  hit: FoundHit;
  as_of_seq: number;
}

export async function searchAll(env: Env, userId: string, query: SearchQuery, now: number): Promise<SearchPage> {
  const words = expectQuery(query);
  const filter = filterOf(userId, "", query);
  let place: WideCursor | null = query.cursor === undefined ? { after: null, began_at: now, position: null } : openWideCursor(filter, query.cursor);
  if (place === null) throw new ChatError("bad_cursor");
  const found: WideHit[] = [];
  for (let asked = 0; place !== null && found.length < query.limit && asked < SEARCH_CONVERSATIONS; asked += SEARCH_WINDOW) {
    const run: Run = await searchRun(env, userId, { ...query, limit: query.limit - found.length }, place);
    found.push(...run.hits);
    place = run.next;
  }
  return { hits: await withBodies(env, words, found), next_cursor: place === null ? null : sealWideCursor(filter, place) };
}

interface Run {
  hits: WideHit[];
  /** Where it goes on: behind these hits, or with the next conversations. */
  next: WideCursor | null;
}

async function searchRun(env: Env, userId: string, query: SearchQuery, place: WideCursor): Promise<Run> {
  const since = place.after === null ? null : place.began_at;
  const { conversations, next } = expectOk(await sessionOf(env, userId).searchable({ after: place.after, limit: SEARCH_WINDOW, since }));
  const found: WideHit[] = [];
  let more = false;
  for (let start = 0; start < conversations.length; start += WIDTH) {
    const asked = conversations.slice(start, start + WIDTH).map((id) => searchOne(env, id, callOf(userId, query, place.position)));
    for (const reply of await Promise.all(asked)) {
      found.push(...reply.hits);
      more ||= reply.more;
    }
  }
  const hits = found.toSorted((a, b) => a.tier - b.tier || (a.msg_id < b.msg_id ? 1 : -1)).slice(0, query.limit);
  const last = hits.at(-1);
  if ((more || hits.length < found.length) && last !== undefined) return { hits, next: { ...place, position: { tier: last.tier, msg_id: last.msg_id } } };
  return { hits, next: next === null ? null : { after: next satisfies WindowPosition, began_at: place.began_at, position: null } };
}

async function searchOne(env: Env, conversationId: string, call: SearchCall): Promise<{ hits: WideHit[]; more: boolean }> {
  const result = await conversationOf(env, conversationId).search(call);
  // Left meanwhile, or nothing that the server could read: there is nothing to find.
  if (!result.ok && (result.code === "not_found" || result.code === "e2ee_unsupported")) return { hits: [], more: false };
  const { hits, as_of_seq, more } = expectOk(result);
  return { hits: hits.flatMap((hit) => (hit.event.type === "skip" ? [] : [{ hit, tier: hit.tier, msg_id: hit.event.msg_id, as_of_seq }])), more };
}

async function withBodies(env: Env, query: Query, found: readonly WideHit[]): Promise<Hit[]> {
  const byConversation = Map.groupBy(found, ({ hit }) => hit.event.conversation_id);
  const shown = await Promise.all([...byConversation.values()].map((hits) => shownHits(env, query, hits.map(({ hit }) => hit), hits[0]?.as_of_seq ?? 0)));
  const hits = new Map(shown.flat().map((hit) => [hit.msg_id, hit]));
  return found.flatMap(({ msg_id }) => hits.get(msg_id) ?? []);
}
