// What a client does with a file, step by step: announced, written to the store, sent.
import { createHash, randomBytes } from "node:crypto";

export interface File {
  bytes: Uint8Array<ArrayBuffer>;
  sha256: string;
}

export interface Signed {
  key: string;
  url: string;
  headers: Record<string, string>;
}

const TYPE = "application/octet-stream";

/** Bytes that no store has yet. */
export function newFile(size: number): File {
  const bytes = new Uint8Array(randomBytes(size));
  return { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

async function good(what: string, answer: Response): Promise<Response> {
  if (!answer.ok) throw new Error(`${what} answered ${answer.status}: ${await answer.text()}`);
  return answer;
}

export async function tokenOf(url: string, user_id: string): Promise<string> {
  const answer = await good("a token", await fetch(`${url}/dev/token`, { method: "POST", body: JSON.stringify({ user_id }) }));
  return ((await answer.json()) as { token: string }).token;
}

export class Steps {
  readonly #url: string;
  readonly #token: string;

  private constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  static async of(url: string, user: string): Promise<Steps> {
    return new Steps(url, await tokenOf(url, user));
  }

  async #call(method: string, path: string, body?: object): Promise<Response> {
    return good(path, await fetch(this.#url + path, { method, headers: { Authorization: `Bearer ${this.#token}` }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }));
  }

  /** A request that does next to nothing: what the way there and back takes, the token and the user's session. */
  async nothing(): Promise<void> {
    await (await this.#call("GET", "/v1/blocks")).arrayBuffer();
  }

  async announce({ bytes: { length: size }, sha256 }: Pick<File, "sha256"> & { bytes: { length: number } }): Promise<Signed> {
    return (await (await this.#call("POST", `/api/media/upload-url?type=document&size=${size}`, { sha256, content_type: TYPE })).json()) as Signed;
  }

  async put({ url, headers }: Signed, { bytes }: File): Promise<void> {
    await (await good("the store", await fetch(url, { method: "PUT", headers, body: bytes }))).arrayBuffer();
  }

  async send({ key }: Signed, to: string): Promise<void> {
    await (await this.#call("POST", "/v1/messages", { to, content_type: "document", media_key: key, client_msg_id: randomBytes(8).toString("hex") })).arrayBuffer();
  }
}
