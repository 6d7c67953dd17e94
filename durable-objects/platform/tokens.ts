// Checks tokens with jose: explicit algorithms, issuer, audience, required claims, one hour at most.
import * as jose from "jose";
import * as v from "valibot";
import { errorFields, log } from "../../log/log.ts";
import { ChatError } from "../../protocol/errors.ts";
import { ARCHIVE_SCOPE } from "../../protocol/archive.ts";
import { SERVICE_ID, UserId } from "../../protocol/ids.ts";
import { CLOCK_TOLERANCE_S, TOKEN_LIFE_S } from "../../protocol/limits.ts";
import type { Env } from "./env.ts";
import { count } from "./metrics.ts";

export type Scope = "user" | "service";

/** `exp` and `iat` in seconds since 1970. */
export interface Token {
  user_id: string;
  scope: Scope;
  exp: number;
  iat: number;
}

const Payload = v.object({ sub: UserId, iat: v.number(), exp: v.number(), scope: v.optional(v.string(), "") });

/** One key set per URL and isolate: jose caches its keys and asks again when it meets an unknown kid. */
const keySets = new Map<string, ReturnType<typeof jose.createRemoteJWKSet>>();
/** jose's codes for an answer that is no key set; what the network does to a request has none. */
const ISSUER_FAULTS: ReadonlySet<string> = new Set(["ERR_JOSE_GENERIC", "ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID"]);

/** Throws `token_expired` or `unauthorized`, and says no more than that. */
export async function checkToken(env: Env, token: string): Promise<Token> {
  const payload = await verified(env, token);
  const parsed = v.safeParse(Payload, payload);
  if (!parsed.success || parsed.output.exp - parsed.output.iat > TOKEN_LIFE_S + CLOCK_TOLERANCE_S) throw new ChatError("unauthorized");
  const { sub, exp, iat, scope } = parsed.output;
  const scopes = scope.split(" ");
  if (scopes.includes(ARCHIVE_SCOPE)) throw new ChatError("unauthorized");
  if (scopes.includes("service")) return { user_id: sub, exp, iat, scope: "service" };
  // What the operator does is signed with this name.
  if (sub === SERVICE_ID) throw new ChatError("unauthorized");
  return { user_id: sub, exp, iat, scope: "user" };
}

async function verified(env: Env, token: string): Promise<jose.JWTPayload> {
  if (env.AUTH_ISSUER === undefined || env.AUTH_AUDIENCE === undefined) throw new Error("AUTH_ISSUER and AUTH_AUDIENCE must be set");
  const rules = {
    issuer: env.AUTH_ISSUER, audience: env.AUTH_AUDIENCE, clockTolerance: CLOCK_TOLERANCE_S,
    requiredClaims: ["sub", "iat", "exp"], maxTokenAge: TOKEN_LIFE_S,
  };
  const { key, algorithms } = keysOf(env);
  try {
    const { payload } = await jose.jwtVerify(token, key, { ...rules, algorithms });
    return payload;
  } catch (error) {
    if (error instanceof jose.errors.JWTExpired) throw new ChatError("token_expired");
    if (error instanceof jose.errors.JOSEError && !ISSUER_FAULTS.has(error.code)) throw new ChatError("unauthorized");
    // An issuer that is out of reach, or publishes no keys, says nothing about the token.
    count("issuer_failures");
    log("warn", "issuer_unreachable", errorFields(error));
    throw new ChatError("unavailable", { message: "The token's issuer can't be reached.", retry_after_ms: 1_000 });
  }
}

/** A secret and public keys never count together: an algorithm of the one would take the other for its key. */
function keysOf(env: Env): { key: jose.JWTVerifyGetKey; algorithms: string[] } {
  if (env.AUTH_JWKS_URL !== undefined && env.AUTH_JWKS_URL !== "") {
    return { key: keySet(env.AUTH_JWKS_URL), algorithms: ["ES256", "ES384", "RS256", "PS256", "EdDSA"] };
  }
  if (env.AUTH_SECRET === undefined || env.AUTH_SECRET.length < 32) throw new Error("AUTH_JWKS_URL or an AUTH_SECRET of 32 characters must be set");
  const secret = new TextEncoder().encode(env.AUTH_SECRET);
  return { key: () => secret, algorithms: ["HS256"] };
}

function keySet(url: string): ReturnType<typeof jose.createRemoteJWKSet> {
  const known = keySets.get(url);
  if (known !== undefined) return known;
  const made = jose.createRemoteJWKSet(new URL(url), { cooldownDuration: 5_000, cacheMaxAge: 300_000, timeoutDuration: 3_000 });
  keySets.set(url, made);
  return made;
}

/** Has the token passed, tolerance included? `exp` in seconds, `now` in ms. */
export function expired(exp: number, now: number): boolean {
  return now > (exp + CLOCK_TOLERANCE_S) * 1_000;
}
