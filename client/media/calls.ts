// The REST calls about files.
import * as v from "valibot";
import type { DownloadAnswer, SignedPut, UploadAnswer, UploadBody } from "../../protocol/media.ts";
import type { PartEtags, UploadCall } from "../../protocol/rpc/media.ts";
import { AnyAnswer } from "../answers.ts";
import type { Rest } from "../rest.ts";

const put = { url: v.string(), headers: v.record(v.string(), v.string()), expires_at: v.number() };
const Put: v.GenericSchema<unknown, SignedPut> = v.object(put);
const Started: v.GenericSchema<unknown, UploadAnswer> = v.union([
  v.object({ key: v.string(), ...put }),
  v.object({ key: v.string(), upload_id: v.string(), part_size: v.number(), parts: v.number(), expires_at: v.number() }),
]);
const Parts = v.object({ parts: v.array(v.object({ part: v.number(), size: v.number() })) });
const Download: v.GenericSchema<unknown, DownloadAnswer> = v.object({ url: v.string(), expires_at: v.number() });

const place = (key: string) => `/api/media/${encodeURIComponent(key)}`;

/** @param call with the `key` that the same file was announced with before, if it was */
export function startUpload(rest: Rest, { kind, size, sha256, content_type, key }: UploadCall & { key?: string }, signal: AbortSignal): Promise<UploadAnswer> {
  const body: UploadBody = { sha256, content_type, ...(key === undefined ? {} : { key }) };
  return rest.call({ method: "POST", path: "/api/media/upload-url", query: { type: kind, size }, body, answer: Started, signal });
}

/** @param etags what the store answered to parts that went up since the last call: not every store can say it again */
export function signPart(rest: Rest, key: string, part: number, etags: PartEtags, signal: AbortSignal): Promise<SignedPut> {
  return rest.call({ method: "POST", path: `${place(key)}/parts`, query: { part }, body: { etags }, answer: Put, signal });
}

/** Parts that the store has. */
export async function listParts(rest: Rest, key: string, signal: AbortSignal): Promise<{ part: number; size: number }[]> {
  return (await rest.call({ method: "GET", path: `${place(key)}/parts`, answer: Parts, signal })).parts;
}

export async function completeUpload(rest: Rest, key: string, etags: PartEtags, signal: AbortSignal): Promise<void> {
  await rest.call({ method: "POST", path: `${place(key)}/complete`, body: { etags }, answer: AnyAnswer, signal });
}

export async function abortUpload(rest: Rest, key: string): Promise<void> {
  await rest.call({ method: "DELETE", path: place(key), answer: AnyAnswer });
}

/** @param name what the file is to be called where it is kept */
export function downloadUrl(rest: Rest, key: string, conversation_id: string, name: string | undefined): Promise<DownloadAnswer> {
  return rest.call({ method: "GET", path: `${place(key)}/url`, query: { conversation_id, name }, answer: Download });
}
