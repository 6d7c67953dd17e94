// Who is asking: the token of a request, the Origin of a browser, and what a production deployment insists on.
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { Env } from "../durable-objects/platform/env.ts";
import { sessionOf } from "../durable-objects/platform/env.ts";
import { checkToken, type Token } from "../durable-objects/platform/tokens.ts";
import { ChatError } from "../protocol/errors.ts";
import type { Claims, Quota } from "../protocol/rpc.ts";
import { expectOk } from "./errors.ts";

export interface AppEnv {
  Bindings: Env;
  Variables: { token: Token };
}

const BEARER = "bearer.";

/** From the header, or from a browser's second subprotocol; never from a URL. */
export function tokenOf(request: Request): string {
  const header = request.headers.get("Authorization");
  if (header !== null) {
    const match = /^Bearer ([\w.~+/=-]{1,8192})$/i.exec(header);
    if (match?.[1] !== undefined) return match[1];
  }
  const offered = offeredProtocols(request).find((protocol) => protocol.startsWith(BEARER));
  if (offered !== undefined) return offered.slice(BEARER.length);
  throw new ChatError("unauthorized");
}

export function offeredProtocols(request: Request): string[] {
  return (request.headers.get("Sec-WebSocket-Protocol") ?? "").split(",").map((protocol) => protocol.trim()).filter((protocol) => protocol !== "");
}

/** Browsers send an Origin: it must be this site's own or on the list. Native clients send none. */
export function checkOrigin(request: Request, env: Env): void {
  const origin = request.headers.get("Origin");
  if (origin === null || origin === new URL(request.url).origin) return;
  const allowed = (env.ALLOWED_ORIGINS ?? "").split(",").map((entry) => entry.trim());
  if (!allowed.includes(origin)) throw new ChatError("origin_refused");
}

/** Refuses what a production deployment must not do, before anything else. Whatever is not called development is production. */
export const guard = createMiddleware<AppEnv>(async (context, next) => {
  const { env } = context;
  if (env.ENVIRONMENT !== "development") {
    if (env.DEV_ISSUER === "1") throw new Error("DEV_ISSUER must not be set in production");
    if (new URL(context.req.url).protocol !== "https:") throw new ChatError("https_required");
  }
  checkOrigin(context.req.raw, env);
  await next();
});

/** A user's request: a valid token, and room in the user's rate limit. */
export const user = createMiddleware<AppEnv>(async (context, next) => {
  const token = await userToken(context.env, context.req.raw);
  context.set("token", token);
  await admit(context.env, token);
  await next();
});

/** A user's request that has a quota of its own as well. */
export function userWithin(quota: Quota) {
  return createMiddleware<AppEnv>(async (context, next) => {
    const token = await userToken(context.env, context.req.raw);
    context.set("token", token);
    await admit(context.env, token, quota);
    await next();
  });
}

/** What users and the operator's services may both ask for. */
export const userOrService = createMiddleware<AppEnv>(async (context, next) => {
  const token = await checkToken(context.env, tokenOf(context.req.raw));
  context.set("token", token);
  if (token.scope === "user") await admit(context.env, token);
  await next();
});

/** A service is nobody: it has no inbox, sends nothing and gets no socket. Throws `forbidden`. */
export async function userToken(env: Env, request: Request): Promise<Token> {
  const token = await checkToken(env, tokenOf(request));
  if (token.scope !== "user") throw new ChatError("forbidden");
  return token;
}

async function admit(env: Env, token: Token, quota?: Quota): Promise<void> {
  expectOk(await sessionOf(env, token.user_id).admit(claimsOf(token), 1, quota));
}

/** What a session is told of a token. */
export function claimsOf({ user_id, exp, iat }: Token): Claims {
  return { user_id, exp, iat };
}

/** The operator's own services. They have no user and no rate limit; everybody else finds nothing here. */
export const service = createMiddleware<AppEnv>(async (context, next) => {
  const token = await checkToken(context.env, tokenOf(context.req.raw));
  if (token.scope !== "service") throw new ChatError("forbidden");
  context.set("token", token);
  await next();
});

export function callerOf(context: Context<AppEnv>): string {
  return context.get("token").user_id;
}
