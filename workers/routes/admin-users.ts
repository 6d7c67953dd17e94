// For the operator's services: users, many at once, and who is let in.
import { Hono } from "hono";
import { type Env, sessionOf } from "../../durable-objects/platform/env.ts";
import { errorFields, log } from "../../log/log.ts";
import { ChatError, errorBody } from "../../protocol/errors.ts";
import { BULK_BYTES, CLOCK_TOLERANCE_S } from "../../protocol/limits.ts";
import { BulkUsers, PersonId, type ProfilePatch, RevokeBody } from "../../protocol/users.ts";
import { type AppEnv, callerOf, service } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, pathId, readJson } from "../requests.ts";

export const adminUsers = new Hono<AppEnv>();
adminUsers.use("/v1/admin/users", service);
adminUsers.use("/v1/admin/users/*", service);

/** Users that are changed at once. */
const WIDTH = 50;

adminUsers.post("/v1/admin/users", async (context) => {
  const { users } = parsed(BulkUsers, await readJson(context.req.raw, undefined, BULK_BYTES));
  const results: object[] = [];
  for (let start = 0; start < users.length; start += WIDTH) {
    results.push(...await Promise.all(users.slice(start, start + WIDTH).map(({ user_id, ...patch }) => changeOne(context.env, user_id, patch))));
  }
  log("info", "users_changed", { by: callerOf(context), users: users.length });
  return context.json({ results });
});

adminUsers.put("/v1/admin/users/:user_id", async (context) => {
  const user_id = pathId(PersonId, context.req.param("user_id"));
  await sessionOf(context.env, user_id).register(user_id);
  return context.json({ user_id });
});

adminUsers.get("/v1/admin/users/:user_id", async (context) => {
  const { account } = expectOk(await sessionOf(context.env, pathId(PersonId, context.req.param("user_id"))).readAccount());
  return context.json(account);
});

adminUsers.post("/v1/admin/users/:user_id/deactivate", async (context) => {
  const { account } = expectOk(await sessionOf(context.env, pathId(PersonId, context.req.param("user_id"))).setAccess({ deactivated: true }));
  return context.json(account);
});

adminUsers.post("/v1/admin/users/:user_id/reactivate", async (context) => {
  const { account } = expectOk(await sessionOf(context.env, pathId(PersonId, context.req.param("user_id"))).setAccess({ deactivated: false }));
  return context.json(account);
});

adminUsers.post("/v1/admin/users/:user_id/revoke", async (context) => {
  const user_id = pathId(PersonId, context.req.param("user_id"));
  const now = Math.floor(Date.now() / 1_000);
  // A token of this very second may be older than this call.
  const { before = now + 1 } = parsed(RevokeBody, await readJson(context.req.raw, {}));
  if (before > now + 1 + CLOCK_TOLERANCE_S) throw new ChatError("bad_request", { message: "before: lies in the future" });
  const { account } = expectOk(await sessionOf(context.env, user_id).setAccess({ revoke_before: before }));
  return context.json(account);
});

/** What became of one user of many: the account, or why not. */
async function changeOne(env: Env, user_id: string, patch: ProfilePatch): Promise<object> {
  try {
    const result = await sessionOf(env, user_id).changeProfile({ user_id, patch, by: "service" });
    if (result.ok) return { user_id, created: result.created };
    return { user_id, error: errorBody(result.code, result.retry_after_ms === undefined ? {} : { retry_after_ms: result.retry_after_ms }) };
  } catch (error) {
    log("error", "user_not_changed", { user_id, ...errorFields(error) });
    return { user_id, error: errorBody("unavailable", { retry_after_ms: 1_000 }) };
  }
}
