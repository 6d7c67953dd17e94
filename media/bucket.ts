// The store of files: what clients are signed for, and what the edge and its objects do there themselves. Any S3, by the same requests.
import { createHash } from "node:crypto";
import { AwsClient } from "aws4fetch";
import { DOWNLOAD_URL_S, type DownloadAnswer, type SignedPut, UPLOAD_URL_S } from "../protocol/media.ts";
import { disposition, pathOf } from "./names.ts";
import type { MediaSettings } from "./settings.ts";
import { elements, escaped, textOf } from "./xml.ts";

/** The store did not answer, or not as S3 does. What was asked may have happened. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

export interface Stored {
  size: number;
  content_type: string;
  /** With its quotes. */
  etag: string;
}

export interface StoredPart {
  part: number;
  etag: string;
  size: number;
}

export interface ListedObject {
  key: string;
  size: number;
  /** ms, of its last change. */
  at: number;
}

interface Asked {
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: string;
  within?: number;
}

/** Of what S3 does in one step. */
const ANSWER_MS = 10_000;
/** Of what S3 does over a whole content: copying, putting parts together, reading to its end. */
const CONTENT_MS = 120_000;
const RETRIES = 2;
const LISTED = 1_000;
/** A content's bytes never change under its key; who has them may keep them, and nobody in between. */
const CACHE = "private, max-age=31536000, immutable";

export class MediaBucket {
  readonly settings: MediaSettings;
  private readonly client: AwsClient;

  constructor(settings: MediaSettings) {
    this.settings = settings;
    const { accessKeyId, secretAccessKey, region } = settings;
    this.client = new AwsClient({ accessKeyId, secretAccessKey, region, service: "s3", retries: RETRIES });
  }

  /**
   * One PUT of exactly this length, type and, where the store looks at it, content.
   * @param reached the URL by which the client reached the edge
   * @param at ms
   */
  async signPut(upload: { key: string; size: number; content_type: string; sha256: string }, reached: string, at: number): Promise<SignedPut> {
    const headers = { "content-type": upload.content_type, "x-amz-checksum-sha256": base64Of(upload.sha256) };
    // Every HTTP client sends the length by itself, and a browser lets nobody set it.
    const signed = await this.presign("PUT", upload.key, { ...headers, "content-length": String(upload.size) }, {}, { reached, at, seconds: UPLOAD_URL_S });
    return { ...signed, headers };
  }

  async signPart({ key, upload_id, part, size }: { key: string; upload_id: string; part: number; size: number }, reached: string, at: number): Promise<SignedPut> {
    const query = { partNumber: String(part), uploadId: upload_id };
    const signed = await this.presign("PUT", key, { "content-length": String(size) }, query, { reached, at, seconds: UPLOAD_URL_S });
    return { ...signed, headers: {} };
  }

  /** @param name the sender's, for stores that take it from the URL; `copy` has set what is safe for all */
  signGet({ key, content_type, name = null }: { key: string; content_type: string; name?: string | null }, reached: string, at: number): Promise<DownloadAnswer> {
    const query = { "response-content-type": content_type, "response-content-disposition": disposition(content_type, name), "response-cache-control": CACHE };
    return this.presign("GET", key, {}, query, { reached, at, seconds: DOWNLOAD_URL_S });
  }

  /** null: it is not there. */
  async head(key: string): Promise<Stored | null> {
    const answer = await this.ask("HEAD", key);
    if (answer.status === 404) return null;
    await this.expect(answer, key, 200);
    const { headers } = answer;
    return { size: Number(headers.get("content-length")), content_type: headers.get("content-type") ?? "", etag: headers.get("etag") ?? "" };
  }

  /** Its first bytes; null: it is not there, or is another by now. */
  async readStart(key: string, etag: string, bytes: number): Promise<Uint8Array | null> {
    const answer = await this.ask("GET", key, { headers: { range: `bytes=0-${bytes - 1}`, "if-match": etag } });
    if (answer.status === 404 || answer.status === 412) return discarded(answer, null);
    // Of nothing there is no first byte.
    if (answer.status === 416) return discarded(answer, new Uint8Array());
    await this.expect(answer, key, 206, 200);
    const start = new Uint8Array(bytes);
    let length = 0;
    await reached(key, async () => {
      for await (const chunk of answer.body ?? []) {
        const taken = chunk.subarray(0, bytes - length);
        start.set(taken, length);
        length += taken.length;
        if (length === bytes) break;
      }
    });
    return start.subarray(0, length);
  }

  /** The SHA-256 of all its bytes in hex, read once and kept nowhere; null as for `readStart`. */
  async readHash(key: string, etag: string): Promise<string | null> {
    const answer = await this.ask("GET", key, { headers: { "if-match": etag }, within: CONTENT_MS });
    if (answer.status === 404 || answer.status === 412) return discarded(answer, null);
    await this.expect(answer, key, 200);
    const hash = createHash("sha256");
    await reached(key, async () => {
      for await (const chunk of answer.body ?? []) hash.update(chunk);
    });
    return hash.digest("hex");
  }

  /** Within the store, with the type that it will be served as. `changed`: the source is no longer the one with this ETag. */
  async copy({ from, etag, to, content_type }: { from: string; etag: string; to: string; content_type: string }): Promise<"copied" | "absent" | "changed"> {
    const headers = {
      "x-amz-copy-source": `/${pathOf(this.settings.bucket)}/${pathOf(from)}`, "x-amz-copy-source-if-match": etag, "x-amz-metadata-directive": "REPLACE",
      "content-type": content_type, "content-disposition": disposition(content_type), "cache-control": CACHE,
    };
    const answer = await this.ask("PUT", to, { headers, within: CONTENT_MS });
    if (answer.status === 404) return discarded(answer, "absent");
    if (answer.status === 412) return discarded(answer, "changed");
    await this.expectDone(answer, to);
    return "copied";
  }

  /** What is not there is removed already. */
  async remove(key: string): Promise<void> {
    const answer = await this.ask("DELETE", key);
    await this.expect(answer, key, 204, 200, 404);
    await answer.body?.cancel();
  }

  /** Begins an upload in parts; its id. */
  async createUpload(key: string, contentType: string): Promise<string> {
    const answer = await this.ask("POST", key, { query: { uploads: "" }, headers: { "content-type": contentType } });
    const id = textOf(await this.expectText(answer, key), "UploadId");
    if (id === null) throw new StoreUnavailable(`POST ${key}: an answer without UploadId`);
    return id;
  }

  /** The parts that are there, ascending. `absent`: completed, aborted or never begun. `unsupported`: the store can't say. */
  async listParts(key: string, uploadId: string): Promise<StoredPart[] | "absent" | "unsupported"> {
    const parts: StoredPart[] = [];
    for (let after = "0", more = true; more;) {
      const answer = await this.ask("GET", key, { query: { uploadId, "part-number-marker": after } });
      if (answer.status === 501) return discarded(answer, "unsupported");
      if (answer.status === 404) return discarded(answer, "absent");
      const text = await this.expectText(answer, key);
      for (const xml of elements(text, "Part")) parts.push({ part: Number(textOf(xml, "PartNumber")), etag: textOf(xml, "ETag") ?? "", size: Number(textOf(xml, "Size")) });
      const next = textOf(text, "NextPartNumberMarker");
      more = textOf(text, "IsTruncated") === "true" && next !== null && next !== after;
      after = next ?? after;
    }
    return parts;
  }

  /** `absent`: as for `listParts`. `invalid`: a part is not there, or is too small. */
  async completeUpload(key: string, uploadId: string, parts: readonly Pick<StoredPart, "part" | "etag">[]): Promise<"completed" | "absent" | "invalid"> {
    const body = `<CompleteMultipartUpload>${parts.map(({ part, etag }) => `<Part><PartNumber>${part}</PartNumber><ETag>${escaped(etag)}</ETag></Part>`).join("")}</CompleteMultipartUpload>`;
    const answer = await this.ask("POST", key, { query: { uploadId }, headers: { "content-type": "application/xml" }, body, within: CONTENT_MS });
    if (answer.status === 404) return discarded(answer, "absent");
    if (answer.status === 400) return discarded(answer, "invalid");
    await this.expectDone(answer, key);
    return "completed";
  }

  /** What is not there is aborted already. */
  async abortUpload(key: string, uploadId: string): Promise<void> {
    const answer = await this.ask("DELETE", key, { query: { uploadId } });
    await this.expect(answer, key, 204, 200, 404);
    await answer.body?.cancel();
  }

  /** A page in the order of keys; `next` goes into the following call as `after`, and is null at the end. */
  async list({ prefix, after = "" }: { prefix: string; after?: string }): Promise<{ objects: ListedObject[]; next: string | null }> {
    const query = { "list-type": "2", prefix, "max-keys": String(LISTED), "encoding-type": "url", ...(after === "" ? {} : { "start-after": after }) };
    const answer = await this.ask("GET", "", { query });
    const text = await this.expectText(answer, prefix);
    const encoded = textOf(text, "EncodingType") === "url";
    const objects = elements(text, "Contents").map((xml) => {
      const key = textOf(xml, "Key") ?? "";
      return { key: encoded ? decodeURIComponent(key.replaceAll("+", " ")) : key, size: Number(textOf(xml, "Size")), at: Date.parse(textOf(xml, "LastModified") ?? "") };
    });
    return { objects, next: textOf(text, "IsTruncated") === "true" ? objects.at(-1)?.key ?? null : null };
  }

  private async presign(
    method: string, key: string, headers: Record<string, string>, query: Record<string, string>, how: { reached: string; at: number; seconds: number },
  ): Promise<{ url: string; expires_at: number }> {
    const { origin, bucket } = this.settings;
    const base = origin.startsWith("/") ? new URL(how.reached).origin + origin : origin;
    const url = new URL(`${base}/${pathOf(bucket)}/${pathOf(key)}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    url.searchParams.set("X-Amz-Expires", String(how.seconds));
    const datetime = new Date(how.at).toISOString().replace(/[:-]|\.\d{3}/g, "");
    // allHeaders: or length and type would not be signed.
    const signed = await this.client.sign(url.href, { method, headers, aws: { signQuery: true, allHeaders: true, datetime } });
    return { url: signed.url, expires_at: (Math.floor(how.at / 1_000) + how.seconds) * 1_000 };
  }

  private async ask(method: string, key: string, { query = {}, headers = {}, body, within = ANSWER_MS }: Asked = {}): Promise<Response> {
    const url = new URL(`${this.settings.endpoint}/${pathOf(this.settings.bucket)}${key === "" ? "" : `/${pathOf(key)}`}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return reached(`${method} ${key}`, () => this.client.fetch(url.href, { method, headers, signal: AbortSignal.timeout(within), ...(body === undefined ? {} : { body }) }));
  }

  private async expect(answer: Response, key: string, ...wanted: number[]): Promise<void> {
    if (wanted.includes(answer.status)) return;
    const text = await answer.text().catch(() => "");
    throw new StoreUnavailable(`${key}: ${answer.status} ${textOf(text, "Code") ?? ""}`.trim());
  }

  private async expectText(answer: Response, key: string): Promise<string> {
    await this.expect(answer, key, 200);
    return reached(key, () => answer.text());
  }

  /** For what takes long S3 answers 200 before it knows how it ends, and tells the end in the body. */
  private async expectDone(answer: Response, key: string): Promise<void> {
    const text = await this.expectText(answer, key);
    if (elements(text, "Error").length > 0) throw new StoreUnavailable(`${key}: 200 with ${textOf(text, "Code") ?? "an error"}`);
  }
}

/** An answer may break off anywhere in its bytes. */
async function reached<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new StoreUnavailable(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

async function discarded<T>(answer: Response, value: T): Promise<T> {
  await answer.body?.cancel();
  return value;
}

function base64Of(hex: string): string {
  return btoa(String.fromCharCode(...(hex.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16))));
}
