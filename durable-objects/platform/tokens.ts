// Checks tokens with jose: explicit algorithms, issuer, audience, required claims, one hour at most.
import * as jose from "jose";
import * as v from "valibot";
import { ChatError } from "../../protocol/errors.ts";
import { ARCHIVE_SCOPE } from "../../protocol/archive.ts";
import { UserId } from "../../protocol/ids.ts";
import { CLOCK_TOLERANCE_S, TOKEN_LIFE_S } from "../../protocol/limits.ts";
import type { Env } from "./env.ts";

export type Scope = "user" | "service";

/** `exp` in seconds since 1970. */
export interface Token {
  user_id: string;
  scope: Scope;
  exp: number;
}

const Payload = v.object({ sub: UserId, iat: v.number(), exp: v.number(), scope: v.optional(v.string(), "") });

/** One key set per URL and isolate: jose caches its keys and asks again when it meets an unknown kid. */
const keySets = new Map<string, ReturnType<typeof jose.createRemoteJWKSet>>();

/** Throws `token_expired` or `unauthorized`, and says no more than that. */
export async function checkToken(env: Env, token: string): Promise<Token> {
  const payload = await verified(env, token);
  const parsed = v.safeParse(Payload, payload);
  if (!parsed.success || parsed.output.exp - parsed.output.iat > TOKEN_LIFE_S + CLOCK_TOLERANCE_S) throw new ChatError("unauthorized");
  const { sub, exp, scope } = parsed.output;
  const scopes = scope.split(" ");
  if (scopes.includes(ARCHIVE_SCOPE)) throw new ChatError("unauthorized");
  return { user_id: sub, exp, scope: scopes.includes("service") ? "service" : "user" };
}

async function verified(env: Env, token: string): Promise<jose.JWTPayload> {
  if (env.AUTH_ISSUER === undefined || env.AUTH_AUDIENCE === undefined) throw new Error("AUTH_ISSUER and AUTH_AUDIENCE must be set");
  const rules = {
    issuer: env.AUTH_ISSUER, audience: env.AUTH_AUDIENCE, clockTolerance: CLOCK_TOLERANCE_S,
    requiredClaims: ["sub", "iat", "exp"], maxTokenAge: TOKEN_LIFE_S,
  };
  try {
    if (env.AUTH_JWKS_URL !== undefined && env.AUTH_JWKS_URL !== "") {
      const { payload } = await jose.jwtVerify(token, keySet(env.AUTH_JWKS_URL), { ...rules, algorithms: ["ES256", "ES384", "RS256", "PS256", "EdDSA"] });
      return payload;
    }
    if (env.AUTH_SECRET === undefined || env.AUTH_SECRET.length < 32) throw new Error("AUTH_JWKS_URL or an AUTH_SECRET of 32 characters must be set");
    const { payload } = await jose.jwtVerify(token, new TextEncoder().encode(env.AUTH_SECRET), { ...rules, algorithms: ["HS256"] });
    return payload;
  } catch (error) {
    if (error instanceof jose.errors.JWTExpired) throw new ChatError("token_expired");
    // The issuer being out of reach says nothing about the token.
    if (error instanceof jose.errors.JWKSTimeout || (error instanceof jose.errors.JOSEError && error.code === "ERR_JOSE_GENERIC") || error instanceof TypeError) {
      throw new ChatError("unavailable", { message: "The token's issuer can't be reached." });
    }
    if (error instanceof jose.errors.JOSEError) throw new ChatError("unauthorized");
    throw error;
  }
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
