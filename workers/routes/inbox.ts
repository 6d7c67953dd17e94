// The list of conversations, and what the user makes of each in it.
import { Hono } from "hono";
import { sessionOf } from "../../durable-objects/platform/env.ts";
import { ConversationId } from "../../protocol/ids.ts";
import { InboxPatch, ListQuery } from "../../protocol/rest/inbox.ts";
import { type AppEnv, callerOf, user } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, pathId, readJson } from "../requests.ts";

export const inbox = new Hono<AppEnv>();

inbox.get("/v1/conversations", user, async (context) => {
  const { cursor, limit, archived, since } = parsed(ListQuery, context.req.query());
  const session = sessionOf(context.env, callerOf(context));
  if (since !== undefined) return context.json(expectOk(await session.changes({ since })).changed);
  const { list } = expectOk(await session.conversations({ cursor: cursor ?? null, limit, ...(archived === undefined ? {} : { archived }) }));
  return context.json(list);
});

inbox.patch("/v1/inbox/:conversation_id", user, async (context) => {
  const conversation_id = pathId(ConversationId, context.req.param("conversation_id"));
  const patch = parsed(InboxPatch, await readJson(context.req.raw));
  const { conversation } = expectOk(await sessionOf(context.env, callerOf(context)).patchInbox({ conversation_id, patch }));
  return context.json(conversation);
});
