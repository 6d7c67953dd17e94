// Where a message's file can be fetched: at the store, by a URL that is good for minutes. No byte of it comes through here.
import { Hono } from "hono";
import { blobOf, conversationOf, mediaOf } from "../../durable-objects/platform/env.ts";
import { ChatError } from "../../protocol/errors.ts";
import { ConversationId } from "../../protocol/ids.ts";
import { ContentKey, DownloadQuery } from "../../protocol/media.ts";
import { type AppEnv, callerOf, user } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, pathId } from "../requests.ts";

export const downloads = new Hono<AppEnv>();

downloads.get("/api/media/:key/url", user, async (context) => {
  const { conversation_id, name } = parsed(DownloadQuery, context.req.query());
  const media_key = pathId(ContentKey, context.req.param("key"));
  const bucket = mediaOf(context.env);
  if (bucket === null) throw new ChatError("media_unavailable");
  expectOk(await conversationOf(context.env, pathId(ConversationId, conversation_id)).mayDownload({ user_id: callerOf(context), media_key }));
  const { object, content_type } = expectOk(await blobOf(context.env, media_key).locate());
  return context.json(await bucket.signGet({ key: object, content_type, name: name ?? null }, context.req.url, Date.now()), 200, { "Cache-Control": "private, no-store" });
});
