// Uploads as the server and a store take them, in memory, with switches for what goes wrong on the way.
import { createHash, randomBytes } from "node:crypto";
import { type Environment, systemEnvironment } from "../../client/environment.ts";
import type { PutAnswer, PutRequest } from "../../client/media/put.ts";
import { errorBody, type ErrorCode, ERRORS } from "../../protocol/errors.ts";

interface Upload {
  key: string;
  kind: string;
  size: number;
  sha256: string;
  content_type: string;
  parts: Map<number, Uint8Array>;
  /** ETags of parts that the client has told. */
  told: Map<number, string>;
  /** null until it is whole. */
  bytes: Uint8Array | null;
}

interface Announced {
  sha256: string;
  content_type: string;
  key?: string;
}

export class FakeMedia {
  readonly uploads = new Map<string, Upload>();
  /** `POST /api/media/…`, in order, and the store's `PUT key` or `PUT key part`. */
  readonly calls: string[] = [];
  /** Above, an upload is made of parts. */
  single = 1_000;
  part_size = 400;
  life_ms = 300_000;
  /** What a write answers instead; throw for no answer. */
  onPut: (call: string, body: Uint8Array, request: PutRequest) => Promise<PutAnswer | null> = () => Promise.resolve(null);
  onCall: (call: string) => ErrorCode | null = () => null;
  /** The client's surroundings, with this behind its calls. */
  readonly environment: Environment = {
    ...systemEnvironment,
    fetch: (url, init) => (new URL(url).pathname.startsWith("/api/media/") ? Promise.resolve(this.#answer(new URL(url), init)) : systemEnvironment.fetch(url, init)),
    put: (url, request) => this.#put(new URL(url), request),
  };

  /** The key of the only upload there is. */
  get only(): Upload {
    const [one, ...more] = this.uploads.values();
    if (one === undefined || more.length > 0) throw new Error(`${this.uploads.size} uploads`);
    return one;
  }

  #answer(url: URL, init: RequestInit): Response {
    const method = init.method ?? "GET";
    const [, , , name = "", area = ""] = url.pathname.split("/").map(decodeURIComponent);
    const call = `${method} ${area === "" ? (name === "upload-url" ? name : "upload") : area}${url.searchParams.has("part") ? ` ${url.searchParams.get("part")}` : ""}`;
    this.calls.push(call);
    const refusal = this.onCall(call) ?? (init.signal?.aborted === true ? "unavailable" : null);
    if (refusal !== null) return Response.json({ error: errorBody(refusal) }, { status: ERRORS[refusal].http });
    if (name === "upload-url") return Response.json(this.#start(url.searchParams, JSON.parse(init.body as string) as Announced));
    if (area === "url") return Response.json({ url: `https://store.test/${name}?${this.calls.length}`, expires_at: Date.now() + this.life_ms });
    const upload = this.uploads.get(name);
    if (upload === undefined) return Response.json({ error: errorBody("media_not_found") }, { status: 404 });
    if (method === "DELETE") this.uploads.delete(name);
    if (method === "POST") for (const { part, etag } of (JSON.parse(init.body as string) as { etags: { part: number; etag: string }[] }).etags) upload.told.set(part, etag);
    if (area === "complete") upload.bytes = Buffer.concat([...upload.parts].toSorted(([a], [b]) => a - b).map(([, bytes]) => bytes));
    if (area === "parts" && method === "GET") return Response.json({ parts: [...upload.parts].map(([part, bytes]) => ({ part, size: bytes.length })) });
    return Response.json(area === "parts" ? this.#signed(`https://store.test/${name}?part=${url.searchParams.get("part")}`) : {});
  }

  #start(query: URLSearchParams, { sha256, content_type, key: known }: Announced): object {
    const size = Number(query.get("size"));
    if (known !== undefined && this.uploads.get(known)?.sha256 === sha256) return { key: known, ...this.#signed(`https://store.test/${known}`) };
    const key = `up/ann/${randomBytes(16).toString("hex")}`;
    this.uploads.set(key, { key, kind: query.get("type") ?? "", size, sha256, content_type, parts: new Map(), told: new Map(), bytes: null });
    if (size <= this.single) return { key, ...this.#signed(`https://store.test/${key}`) };
    return { key, upload_id: "u1", part_size: this.part_size, parts: Math.ceil(size / this.part_size), expires_at: Date.now() + 300_000 };
  }

  #signed(url: string): object {
    return { url, headers: { "content-type": "x/y", "x-amz-checksum-sha256": "s" }, expires_at: Date.now() + 300_000 };
  }

  async #put(url: URL, request: PutRequest): Promise<PutAnswer> {
    const key = url.pathname.slice(1);
    const part = url.searchParams.get("part");
    const call = part === null ? "PUT" : `PUT ${part}`;
    this.calls.push(call);
    const body = new Uint8Array(await request.body.arrayBuffer());
    const instead = await this.onPut(call, body, request);
    if (request.signal.aborted) throw new TypeError("aborted");
    if (instead !== null) return instead;
    const upload = this.uploads.get(decodeURIComponent(key));
    if (upload === undefined) return { status: 404, etag: null, text: "<Error><Code>NoSuchUpload</Code></Error>" };
    request.onProgress(body.length);
    if (part === null) upload.bytes = body;
    else upload.parts.set(Number(part), body);
    return { status: 200, etag: part === null ? '"e"' : `"e${part}"`, text: "" };
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
