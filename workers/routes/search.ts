// Finding messages: in one conversation, and in all that the user is in.
import { Hono } from "hono";
import { conversationOf } from "../../durable-objects/platform/env.ts";
import { ChatError } from "../../protocol/errors.ts";
import { ConversationId } from "../../protocol/ids.ts";
import { type SearchPage, SearchQuery } from "../../protocol/rest/search.ts";
import { type AppEnv, callerOf, userWithin } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, pathId } from "../requests.ts";
import { callOf, expectQuery, searchAll, shownHits } from "../search.ts";
import { filterOf, openCursor, sealCursor } from "../search-cursor.ts";

export const search = new Hono<AppEnv>();

search.get("/v1/conversations/:conversation_id/search", userWithin("search"), async (context) => {
  const [userId, conversationId] = [callerOf(context), pathId(ConversationId, context.req.param("conversation_id"))];
  const query = parsed(SearchQuery, context.req.query());
  const words = expectQuery(query);
  const filter = filterOf(userId, conversationId, query);
  const place = query.cursor === undefined ? null : openCursor(filter, query.cursor);
  if (query.cursor !== undefined && place === null) throw new ChatError("bad_cursor");
  const reply = expectOk(await conversationOf(context.env, conversationId).search({ ...callOf(userId, query, place), ...(place === null ? {} : { epoch: place.epoch }) }));
  const hits = await shownHits(context.env, words, reply.hits, reply.as_of_seq);
  const [last, event] = [reply.hits.at(-1), reply.hits.at(-1)?.event];
  const next_cursor = !reply.more || last === undefined || event === undefined || event.type === "skip"
    ? null : sealCursor(filter, { epoch: reply.epoch, tier: last.tier, msg_id: event.msg_id });
  return context.json({ hits, next_cursor } satisfies SearchPage);
});

search.get("/v1/search", userWithin("search_all"), async (context) => {
  return context.json(await searchAll(context.env, callerOf(context), parsed(SearchQuery, context.req.query()), Date.now()));
});
