// Tokens of every kind, good and bad, signed here and not by the product.
import { createHmac } from "node:crypto";
import * as jose from "jose";

export const ISSUER = "https://issuer.test";
export const AUDIENCE = "confab";
export const SECRET = "a secret of these tests, 32 bytes";
/** The product's environment in which `sign` gives good tokens. */
export const AUTH_ENV = { AUTH_ISSUER: ISSUER, AUTH_AUDIENCE: AUDIENCE, AUTH_SECRET: SECRET } as const;

/** Seconds since 1970, `from` seconds from now. */
export function seconds(from = 0): number {
  return Math.floor(Date.now() / 1_000) + from;
}

/** Good claims for ten minutes; undefined takes one away. */
export function claims(sub: string, changed: Readonly<Record<string, unknown>> = {}): jose.JWTPayload {
  const all = { iss: ISSUER, aud: AUDIENCE, sub, iat: seconds(), exp: seconds(600), ...changed };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** HS256 with the shared secret. */
export function sign(payload: jose.JWTPayload, secret: string = SECRET): Promise<string> {
  return new jose.SignJWT(payload).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(secret));
}

/** Any header over any payload, with an HMAC of `secret` or, for null, no signature: what no library would make. */
export function forge(header: object, payload: object, secret: string | Uint8Array | null): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part(header)}.${part(payload)}`;
  return `${signed}.${secret === null ? "" : createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
