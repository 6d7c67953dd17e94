// Whom a user has blocked.
import { Hono } from "hono";
import { sessionOf } from "../../durable-objects/platform/env.ts";
import { PersonId } from "../../protocol/users.ts";
import { type AppEnv, callerOf, user } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { pathId } from "../requests.ts";

export const blocks = new Hono<AppEnv>();

blocks.get("/v1/blocks", user, async (context) => {
  const list = expectOk(await sessionOf(context.env, callerOf(context)).readBlocks());
  return context.json({ blocks: list.blocks });
});

blocks.put("/v1/blocks/:user_id", user, async (context) => {
  const user_id = pathId(PersonId, context.req.param("user_id"));
  const { at } = expectOk(await sessionOf(context.env, callerOf(context)).setBlock({ user_id, on: true }));
  return context.json({ user_id, at });
});

blocks.delete("/v1/blocks/:user_id", user, async (context) => {
  const user_id = pathId(PersonId, context.req.param("user_id"));
  expectOk(await sessionOf(context.env, callerOf(context)).setBlock({ user_id, on: false }));
  return context.body(null, 204);
});
