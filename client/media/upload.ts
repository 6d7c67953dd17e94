// One try to bring a file to the store: hashed, announced, then written to the address that the server signed, or part by part
// to one address each. Waiting and trying again is uploads.ts.
import type { SignedPut, UploadAnswer } from "../../protocol/media.ts";
import type { PartEtags, UploadCall } from "../../protocol/rpc/media.ts";
import type { Environment } from "../environment.ts";
import { asConfabError, ConfabError } from "../errors.ts";
import type { Rest } from "../rest.ts";
import { completeUpload, listParts, signPart, startUpload } from "./calls.ts";
import { bytesOf, sha256OfFile } from "./sha256.ts";

/** An upload in parts that has begun: it goes on where it stopped. */
export type Begun = Extract<UploadAnswer, { upload_id: string }>;

/** What is known of it before this try. */
export interface UploadTask extends Omit<UploadCall, "sha256"> {
  sha256?: string;
  /** With which it was announced before. */
  key?: string;
  begun?: Begun;
}

export interface UploadWatch {
  signal: AbortSignal;
  onProgress: (sent: number) => void;
  /** To be kept for the next try; null: it has to begin anew. */
  onHash: (sha256: string) => void;
  onKey: (key: string) => void;
  onBegun: (begun: Begun | null) => void;
}

export interface UploadPorts {
  rest: Rest;
  environment: Environment;
}

/** Without any progress for so long the connection is taken for dead. */
const STALLED_MS = 60_000;
/** Where no progress is told at all: bytes per ms that even a slow connection carries. */
const SLOWEST = 32;
/** Parts that are written at the same time. */
const ABREAST = 3;

/** Resolves to the upload's key. Rejects with what the server or the store said, with `file_unreadable` and with `aborted`. */
export async function uploadFile(ports: UploadPorts, file: Blob, task: UploadTask, watch: UploadWatch): Promise<string> {
  const sha256 = task.sha256 ?? await sha256OfFile(file, watch.signal);
  if (task.sha256 === undefined) watch.onHash(sha256);
  if (task.begun !== undefined) {
    const done = await resume(ports, file, task.begun, watch);
    if (done !== null) return done;
    watch.onBegun(null);
  }
  const answer = await startUpload(ports.rest, { ...task, sha256 }, watch.signal);
  if ("url" in answer) {
    if (answer.key !== task.key) watch.onKey(answer.key);
    await put(ports, answer, file, watch.signal, watch.onProgress);
    return answer.key;
  }
  watch.onBegun(answer);
  return inParts(ports, file, answer, new Set(), watch);
}

/** null: the server or the store knows nothing of it any more. */
async function resume(ports: UploadPorts, file: Blob, begun: Begun, watch: UploadWatch): Promise<string | null> {
  try {
    const there = await listParts(ports.rest, begun.key, watch.signal);
    const whole = there.filter(({ part, size }) => size === partOf(file, begun, part).size).map(({ part }) => part);
    return await inParts(ports, file, begun, new Set(whole), watch);
  } catch (thrown) {
    const error = asConfabError(thrown);
    if (error.code === "media_not_found" || error.code === "not_found") return null;
    throw error;
  }
}

async function inParts(ports: UploadPorts, file: Blob, begun: Begun, there: ReadonlySet<number>, watch: UploadWatch): Promise<string> {
  const missing = Array.from({ length: begun.parts }, (_, i) => i + 1).filter((part) => !there.has(part));
  const sent = new Map([...there].map((part) => [part, partOf(file, begun, part).size]));
  const told = (part: number, bytes: number): void => {
    sent.set(part, bytes);
    watch.onProgress([...sent.values()].reduce((sum, one) => sum + one, 0));
  };
  // The first that fails ends the others: they would go on writing for nobody.
  const failed = new AbortController();
  const signal = AbortSignal.any([watch.signal, failed.signal]);
  // Each goes along until a call with it has succeeded: a store that can't list its parts is put together by these alone.
  const etags = new Map<number, string>();
  const telling = async <T>(call: (etags: PartEtags) => Promise<T>): Promise<T> => {
    const along = [...etags];
    const answer = await call(along.map(([part, etag]) => ({ part, etag })));
    for (const [part, etag] of along) if (etags.get(part) === etag) etags.delete(part);
    return answer;
  };
  const lane = async (): Promise<void> => {
    for (let part = missing.shift(); part !== undefined; part = missing.shift()) {
      const number = part;
      const signed = await telling((along) => signPart(ports.rest, begun.key, number, along, signal));
      const etag = await put(ports, signed, partOf(file, begun, number), signal, (bytes) => told(number, bytes));
      if (etag !== null) etags.set(number, etag);
    }
  };
  try {
    await Promise.all(Array.from({ length: ABREAST }, () => lane()));
  } finally {
    failed.abort();
  }
  await telling((along) => completeUpload(ports.rest, begun.key, along, watch.signal));
  return begun.key;
}

function partOf(file: Blob, { part_size }: Begun, part: number): Blob {
  return file.slice((part - 1) * part_size, Math.min(file.size, part * part_size));
}

async function put({ environment }: UploadPorts, { url, headers }: SignedPut, body: Blob, signal: AbortSignal, onProgress: (sent: number) => void): Promise<string | null> {
  const stalled = new AbortController();
  let cancel = environment.later(STALLED_MS + body.size / SLOWEST, () => stalled.abort());
  const progress = (sent: number): void => {
    cancel();
    cancel = environment.later(STALLED_MS, () => stalled.abort());
    onProgress(sent);
  };
  try {
    const { status, etag, text } = await environment.put(url, { headers, body, signal: AbortSignal.any([signal, stalled.signal]), onProgress: progress });
    if (status < 200 || status >= 300) throw refusal(status, text);
    onProgress(body.size);
    return etag;
  } catch (thrown) {
    if (signal.aborted) throw new ConfabError("aborted", "The upload was cancelled.");
    if (stalled.signal.aborted) throw new ConfabError("timeout", "The upload came to a stop.");
    // A file that went from the disk looks as if the network had failed.
    await bytesOf(body.slice(0, 1), signal);
    throw asConfabError(thrown);
  } finally {
    cancel();
  }
}

/** The store's own words are XML; what is wrong stands in its `Code`. */
function refusal(status: number, text: string): ConfabError {
  if (status === 408 || status === 429 || status >= 500) return new ConfabError("unavailable", `The store answered ${status}.`, { status, retryable: true });
  const code = /<Code>(\w{1,64})<\/Code>/.exec(text)?.[1] ?? "";
  return new ConfabError("upload_refused", `The store refused the file: ${status} ${code}`.trim(), { status });
}
