// What a user does with files, by REST alone: announcing, putting, sending, and fetching again.
import { randomUUID } from "node:crypto";
import type { MsgEvent } from "../../protocol/events.ts";
import type { AckFrame } from "../../protocol/frames/msg.ts";
import type { DownloadAnswer, MediaKind, SignedPut } from "../../protocol/media.ts";
import { type Answer, codeOf, type User } from "../e2e/api.ts";
import { fileOf, put, type TestFile } from "./files.ts";
import { mp4, opus, pdf, png } from "./samples.ts";

export interface KindFile extends TestFile {
  kind: MediaKind;
}

export const kindFile = (kind: MediaKind, content_type: string, bytes: Uint8Array<ArrayBuffer>): KindFile => ({ kind, ...fileOf(bytes, content_type) });

/** One of each kind; another seed has other bytes. */
export const ofEachKind = (seed: number): KindFile[] => [
  kindFile("image", "image/png", png(seed)), kindFile("video", "video/mp4", mp4(seed)), kindFile("audio", "audio/ogg", opus(seed)), kindFile("document", "application/pdf", pdf(seed)),
];

export async function announce(user: User, { kind, size, sha256, content_type }: KindFile): Promise<SignedPut & { key: string }> {
  const answer = await user.call<SignedPut & { key: string }>("POST", `/api/media/upload-url?type=${kind}&size=${size}`, { sha256, content_type });
  if (answer.status !== 200) throw new Error(`not announced: ${codeOf(answer)}`);
  return answer.body;
}

/** @returns the upload's key */
export async function upload(user: User, file: KindFile, bytes = file.bytes): Promise<string> {
  const signed = await announce(user, file);
  const done = await put(signed, bytes);
  if (!done.ok) throw new Error(`not uploaded: ${done.status} ${await done.text()}`);
  return signed.key;
}

/** Over REST. `where`: a conversation's id or another user. */
export function trySend(user: User, where: string | User, more: object): Promise<Answer<AckFrame>> {
  return user.call("POST", "/v1/messages", { ...(typeof where === "string" ? { conversation_id: where } : { to: where.name }), client_msg_id: randomUUID(), ...more });
}

export async function sendFile(user: User, where: string | User, file: KindFile, more: object = {}): Promise<AckFrame & { media_key: string }> {
  const sent = await trySend(user, where, { content_type: file.kind, media_key: await upload(user, file), ...more });
  if (sent.status !== 201) throw new Error(`not sent: ${codeOf(sent)}`);
  return sent.body as AckFrame & { media_key: string };
}

export function urlOf(user: User, conversationId: string, mediaKey: string, more = ""): Promise<Answer<DownloadAnswer>> {
  return user.call("GET", `/api/media/${encodeURIComponent(mediaKey)}/url?conversation_id=${conversationId}${more}`);
}

/** What the store gives by the URL that the user gets. */
export async function fetched(user: User, conversationId: string, mediaKey: string, headers: Record<string, string> = {}): Promise<{ status: number; headers: Headers; bytes: Uint8Array }> {
  const answer = await urlOf(user, conversationId, mediaKey);
  if (answer.status !== 200) throw new Error(`no URL: ${codeOf(answer)}`);
  const response = await fetch(answer.body.url, { headers });
  return { status: response.status, headers: response.headers, bytes: new Uint8Array(await response.arrayBuffer()) };
}

export function message(events: readonly { type: string; seq: number }[], seq: number): MsgEvent {
  return events.find((event) => event.seq === seq) as MsgEvent;
}
