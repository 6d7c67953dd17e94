// What a message said before.
import { Hono } from "hono";
import { conversationOf } from "../../durable-objects/platform/env.ts";
import { ConversationId, MsgId } from "../../protocol/ids.ts";
import type { Version, VersionList } from "../../protocol/rest.ts";
import { withArchivedBodies } from "../archived.ts";
import { type AppEnv, callerOf, user } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { pathId } from "../requests.ts";

export const changes = new Hono<AppEnv>();

changes.get("/v1/conversations/:conversation_id/messages/:msg_id/edits", user, async (context) => {
  const conversation = conversationOf(context.env, pathId(ConversationId, context.req.param("conversation_id")));
  const msg_id = pathId(MsgId, context.req.param("msg_id"));
  const { page } = expectOk(await conversation.versions({ user_id: callerOf(context), msg_id }));
  const { events } = await withArchivedBodies(context.env, page);
  const versions = events.flatMap((event): Version[] => {
    if (event.type !== "msg" && event.type !== "edit") return [];
    const { seq, sent_at, content, mentions } = event;
    return [{ seq, msg_id: event.msg_id, sent_at, content, ...(mentions === undefined ? {} : { mentions }) }];
  });
  return context.json({ versions } satisfies VersionList);
});
