// Tokens within a simulation: signed and checked at once, by the virtual clock. What the real library refuses has tests of its own.
import { createHmac } from "node:crypto";

class JOSEError extends Error {
  readonly code: string = "ERR_JWS_INVALID";
}
class JWTExpired extends JOSEError {}

export const errors = { JOSEError, JWTExpired };

type Payload = Record<string, unknown> & { iat?: number; exp?: number; aud?: string; iss?: string };
interface Rules {
  issuer?: string;
  audience?: string;
  clockTolerance?: number;
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
/** Of the worlds' one secret: a token is checked at each of its uses. */
const signatures = new Map<string, string>();
const MOST_SIGNATURES = 10_000;

function signature(text: string, key: Uint8Array): string {
  const name = `${text} ${Buffer.from(key).toString("latin1")}`;
  const known = signatures.get(name);
  if (known !== undefined) return known;
  if (signatures.size >= MOST_SIGNATURES) signatures.clear();
  const made = createHmac("sha256", key).update(text).digest("base64url");
  signatures.set(name, made);
  return made;
}

const seconds = (): number => Math.floor(Date.now() / 1_000);

export function sign(payload: Payload, key: Uint8Array): string {
  const text = `${encoded({ alg: "HS256" })}.${encoded(payload)}`;
  return `${text}.${signature(text, key)}`;
}

export class SignJWT {
  readonly #payload: Payload;

  constructor(payload: Payload) {
    this.#payload = { ...payload };
  }

  setProtectedHeader(): this {
    return this;
  }

  setSubject(sub: string): this {
    this.#payload["sub"] = sub;
    return this;
  }

  setAudience(aud: string): this {
    this.#payload.aud = aud;
    return this;
  }

  setIssuer(iss: string): this {
    this.#payload.iss = iss;
    return this;
  }

  setIssuedAt(at = seconds()): this {
    this.#payload.iat = at;
    return this;
  }

  /** @param at seconds since 1970, or from now as `60s` */
  setExpirationTime(at: number | string): this {
    this.#payload.exp = typeof at === "number" ? at : seconds() + Number.parseInt(at, 10);
    return this;
  }

  sign(key: Uint8Array): Promise<string> {
    return Promise.resolve(sign(this.#payload, key));
  }
}

type Key = Uint8Array | (() => Uint8Array);

export async function jwtVerify(token: string, key: Key, { issuer, audience, clockTolerance = 0 }: Rules): Promise<{ payload: Payload }> {
  const [head = "", body = "", signed = ""] = token.split(".");
  const secret = typeof key === "function" ? key() : key;
  if (signature(`${head}.${body}`, secret) !== signed) throw new JOSEError("signature verification failed");
  const payload = JSON.parse(Buffer.from(body, "base64url").toString()) as Payload;
  if ((issuer !== undefined && payload.iss !== issuer) || (audience !== undefined && payload.aud !== audience)) throw new JOSEError("unexpected claim");
  if ((payload.exp ?? 0) + clockTolerance <= seconds()) throw new JWTExpired("expired");
  return { payload };
}

export function createRemoteJWKSet(): never {
  throw new Error("a simulated deployment has a secret of its own");
}
