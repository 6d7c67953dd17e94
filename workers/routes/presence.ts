// Who is there: for users, and for the operator where their devices are.
import { Hono } from "hono";
import * as v from "valibot";
import { sessionOf } from "../../durable-objects/platform/env.ts";
import { UserId } from "../../protocol/ids.ts";
import { PRESENCE_USERS } from "../../protocol/limits.ts";
import { type AppEnv, callerOf, service, user } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, pathId } from "../requests.ts";

export const presence = new Hono<AppEnv>();

const Query = v.object({
  users: v.pipe(v.string(), v.transform((text) => text.split(",")), v.array(UserId), v.maxLength(PRESENCE_USERS)),
});

presence.get("/v1/presence", user, async (context) => {
  const { users } = parsed(Query, context.req.query());
  const answer = expectOk(await sessionOf(context.env, callerOf(context)).presenceQuery({ users }));
  return context.json({ presence: answer.presence });
});

presence.get("/v1/admin/users/:user_id/sessions", service, async (context) => {
  const { sessions } = expectOk(await sessionOf(context.env, pathId(UserId, context.req.param("user_id"))).sessions());
  return context.json(sessions);
});
