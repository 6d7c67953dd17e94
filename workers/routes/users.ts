// People: profiles, and finding somebody by name or handle.
import { Hono } from "hono";
import { wordShard, handleShard } from "../../durable-objects/directory/shards.ts";
import { directoryOf, type Env, sessionOf } from "../../durable-objects/platform/env.ts";
import { planFind } from "../../domain/users.ts";
import { ChatError } from "../../protocol/errors.ts";
import { FOUND } from "../../protocol/limits.ts";
import * as v from "valibot";
import { FindQuery, type Found, Handle, PersonId, ProfilePatch } from "../../protocol/users.ts";
import { type AppEnv, callerOf, user, userOrService, userWithin } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, pathId, readJson } from "../requests.ts";

export const users = new Hono<AppEnv>();

users.get("/v1/users", userWithin("find"), async (context) => {
  const { q } = parsed(FindQuery, context.req.query());
  return context.json({ users: q.startsWith("@") ? await byHandle(context.env, q.slice(1)) : await byWords(context.env, q) });
});

users.get("/v1/users/me", user, async (context) => {
  const { account } = expectOk(await sessionOf(context.env, callerOf(context)).readAccount());
  const { deactivated_at: _deactivated, revoked_before: _revoked, ...own } = account;
  return context.json(own);
});

users.patch("/v1/users/me", user, async (context) => {
  const patch = parsed(ProfilePatch, await readJson(context.req.raw));
  const user_id = callerOf(context);
  const { account } = expectOk(await sessionOf(context.env, user_id).changeProfile({ user_id, patch, by: "user" }));
  const { deactivated_at: _deactivated, revoked_before: _revoked, ...own } = account;
  return context.json(own);
});

users.get("/v1/users/:user_id", userOrService, async (context) => {
  const { profile } = expectOk(await sessionOf(context.env, pathId(PersonId, context.req.param("user_id"))).readProfile());
  return context.json(profile);
});

async function byWords(env: Env, q: string): Promise<Found[]> {
  const words = planFind(q);
  const [longest] = words ?? [];
  if (words === null || longest === undefined) throw new ChatError("bad_request", { message: "q: give two characters or more" });
  return directoryOf(env, wordShard(longest)).find({ words, limit: FOUND });
}

async function byHandle(env: Env, text: string): Promise<Found[]> {
  const parsedHandle = v.safeParse(Handle, text);
  if (!parsedHandle.success) return [];
  const handle = parsedHandle.output;
  const user_id = await directoryOf(env, handleShard(handle)).holder({ handle });
  if (user_id === null) return [];
  // The session is the truth: a handle that is only being claimed is nobody's yet.
  const found = await sessionOf(env, user_id).readProfile();
  if (!found.ok || !found.discoverable || found.profile.deactivated === true || found.profile.handle !== handle) return [];
  const { name, avatar_key } = found.profile;
  return [{ user_id, name, handle, avatar_key }];
}
