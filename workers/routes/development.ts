// The development issuer: gives anybody a token for any name. `guard` refuses every request where it is set in production.
import { Hono } from "hono";
import * as jose from "jose";
import { sessionOf } from "../../durable-objects/platform/env.ts";
import { ChatError } from "../../protocol/errors.ts";
import { DevTokenBody } from "../../protocol/rest.ts";
import type { AppEnv } from "../auth.ts";
import { parsed, readJson } from "../requests.ts";

export const development = new Hono<AppEnv>();

development.post("/dev/token", async (context) => {
  const { DEV_ISSUER, AUTH_SECRET, AUTH_ISSUER, AUTH_AUDIENCE } = context.env;
  if (DEV_ISSUER !== "1" || AUTH_SECRET === undefined || AUTH_ISSUER === undefined || AUTH_AUDIENCE === undefined) throw new ChatError("not_found");
  const { user_id, ttl_s, scope } = parsed(DevTokenBody, await readJson(context.req.raw));
  const iat = Math.floor(Date.now() / 1_000);
  const exp = iat + ttl_s;
  const token = await new jose.SignJWT(scope === undefined ? {} : { scope })
    .setProtectedHeader({ alg: "HS256" }).setSubject(user_id).setIssuer(AUTH_ISSUER).setAudience(AUTH_AUDIENCE).setIssuedAt(iat).setExpirationTime(exp)
    .sign(new TextEncoder().encode(AUTH_SECRET));
  if (scope === undefined) await sessionOf(context.env, user_id).register(user_id);
  return context.json({ token, expires_at: exp * 1_000 });
});
