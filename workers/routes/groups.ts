// Invitations to groups, and bans from them.
import { Hono } from "hono";
import * as v from "valibot";
import { conversationOf } from "../../durable-objects/platform/env.ts";
import { ChatError } from "../../protocol/errors.ts";
import { UserId } from "../../protocol/ids.ts";
import { parseInviteToken } from "../../protocol/invite-token.ts";
import { InviteBody } from "../../protocol/rest/groups.ts";
import { type AppEnv, callerOf, user, userOrService } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, pathId, readJson } from "../requests.ts";
import { actorOf, named } from "./conversations.ts";

export const groups = new Hono<AppEnv>();

const InviteId = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/));

groups.post("/v1/conversations/:conversation_id/invites", userOrService, async (context) => {
  const { expires_in_s, max_uses } = parsed(InviteBody, await readJson(context.req.raw, {}));
  const { invite } = expectOk(await named(context).invite({ actor_id: actorOf(context), expires_in_s, max_uses }));
  return context.json(invite, 201);
});

groups.get("/v1/conversations/:conversation_id/invites", userOrService, async (context) => {
  const { invites } = expectOk(await named(context).invites({ actor_id: actorOf(context) }));
  return context.json({ invites });
});

groups.delete("/v1/conversations/:conversation_id/invites/:invite_id", userOrService, async (context) => {
  const invite_id = pathId(InviteId, context.req.param("invite_id"));
  expectOk(await named(context).revokeInvite({ actor_id: actorOf(context), invite_id }));
  return context.body(null, 204);
});

groups.post("/v1/invites/:token", user, async (context) => {
  const token = parseInviteToken(context.req.param("token"));
  if (token === null) throw new ChatError("invite_invalid");
  const { conversation_id, invite_id, secret } = token;
  const joined = expectOk(await conversationOf(context.env, conversation_id).join({ user_id: callerOf(context), invite_id, secret }));
  return context.json(joined.conversation, joined.changed ? 201 : 200);
});

groups.get("/v1/conversations/:conversation_id/bans", userOrService, async (context) => {
  const { bans } = expectOk(await named(context).bans({ actor_id: actorOf(context) }));
  return context.json({ bans });
});

groups.put("/v1/conversations/:conversation_id/bans/:user_id", userOrService, async (context) => {
  const user_id = pathId(UserId, context.req.param("user_id"));
  const { changed } = expectOk(await named(context).ban({ actor_id: actorOf(context), user_id }));
  return context.json({ user_id }, changed ? 201 : 200);
});

groups.delete("/v1/conversations/:conversation_id/bans/:user_id", userOrService, async (context) => {
  const user_id = pathId(UserId, context.req.param("user_id"));
  expectOk(await named(context).unban({ actor_id: actorOf(context), user_id }));
  return context.body(null, 204);
});
