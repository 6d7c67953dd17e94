// A local issuer of tokens as a company's own log-in would be: it signs with its keys and publishes them as a JWKS.
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import * as jose from "jose";

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
  readonly #server: Server;

  static async start(): Promise<Issuer> {
    const issuer = new Issuer();
    issuer.#server.listen(0, "127.0.0.1");
    await once(issuer.#server, "listening");
    return issuer;
  }

  private constructor() {
    this.#server = createServer((request, response) => {
      this.requests += 1;
      if (this.broken !== null) {
        this.broken(response);
        return;
      }
      const found = request.url === "/jwks.json";
      response.writeHead(found ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(found ? this.#published : {}));
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get jwksUrl(): string {
    return `${this.url}/jwks.json`;
  }

  async publish(...keys: readonly Key[]): Promise<void> {
    const published = keys.map(async ({ kid, alg, publicKey }) => ({ ...(await jose.exportJWK(publicKey)), kid, alg, use: "sig" }));
    this.#published = { keys: await Promise.all(published) };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
