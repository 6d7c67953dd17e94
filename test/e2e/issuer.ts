// A local issuer of tokens as a company's own log-in would be: it signs with its keys and publishes them as a JWKS.
import { createServer, type ServerResponse } from "node:http";
import * as jose from "jose";
import { listen, type Listening } from "../loopback.ts";

export interface Key {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

export async function newKey(kid: string, alg: string): Promise<Key> {
  const pair = await jose.generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey: pair.privateKey as CryptoKey, publicKey: pair.publicKey as CryptoKey };
}

/** A token of `key`; `header` replaces parts of its protected header. */
export function signWith(key: Key, payload: jose.JWTPayload, header: Partial<jose.JWTHeaderParameters> = {}): Promise<string> {
  return new jose.SignJWT(payload).setProtectedHeader({ alg: key.alg, kid: key.kid, typ: "JWT", ...header }).sign(key.privateKey);
}

export class Issuer {
  /** Answers the next requests in the keys' place. */
  broken: ((response: ServerResponse) => void) | null = null;
  requests = 0;
  #published: object = { keys: [] };
  #listening: Listening | null = null;

  static async start(): Promise<Issuer> {
    const issuer = new Issuer();
    issuer.#listening = await listen(createServer((request, response) => {
      issuer.requests += 1;
      if (issuer.broken !== null) {
        issuer.broken(response);
        return;
      }
      const found = request.url === "/jwks.json";
      response.writeHead(found ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(found ? issuer.#published : {}));
    }));
    return issuer;
  }

  get url(): string {
    return this.#listening?.url ?? "";
  }

  get jwksUrl(): string {
    return `${this.url}/jwks.json`;
  }

  async publish(...keys: readonly Key[]): Promise<void> {
    const published = keys.map(async ({ kid, alg, publicKey }) => ({ ...(await jose.exportJWK(publicKey)), kid, alg, use: "sig" }));
    this.#published = { keys: await Promise.all(published) };
  }

  async stop(): Promise<void> {
    await this.#listening?.close();
  }
}
