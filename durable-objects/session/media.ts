// A message's file before the message is appended: which content it is, whether the sender may send it, and its claim. What can't
// be sent goes to the conversation all the same, which may know the message: a key is answered the same for life.
import { kindOf } from "../../domain/media.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/frames/msg.ts";
import { ContentKey } from "../../protocol/media.ts";
import type { MsgItem, Refusal, Result } from "../../protocol/rpc.ts";
import type { Claimed, MediaReference, Upload } from "../../protocol/rpc/media.ts";
import { count } from "../platform/metrics.ts";
import * as v from "valibot";

export interface MediaPorts {
  userId(): string;
  /** The key of an upload's content. */
  keyOf(upload: Upload): string;
  /** Of this user's own uploads. */
  readUpload(key: string): Upload | null;
  claim(key: string, call: { key: string; reference: MediaReference; upload: Upload | null }): Promise<Result<Claimed>>;
  mayDownload(conversationId: string, mediaKey: string): Promise<Result<object>>;
  failed(conversationId: string, error: unknown): void;
}

export type MediaDraft = Draft & { media_key: string };
export type Prepared = Pick<MsgItem, "media_key" | "media" | "claimed_until"> | Pick<MsgItem, "refused">;

/** @param conversationId where it is sent to. Never rejects. */
export async function prepareMedia(draft: MediaDraft, conversationId: string, ports: MediaPorts): Promise<Prepared> {
  try {
    const found = await find(draft, ports);
    if (!found.ok) return { refused: reasonOf(found) };
    const { key, upload, kind } = found;
    if (upload !== null && kind !== draft.content_type) return { refused: wrongKind(kind) };
    count("media_claims");
    const claimed = await ports.claim(key, { key, reference: { conversation_id: conversationId, sender_id: ports.userId(), client_msg_id: draft.client_msg_id }, upload });
    if (!claimed.ok) return { refused: reasonOf(claimed) };
    const { content_type, size, until } = claimed;
    if (kindOf(content_type) !== draft.content_type) return { refused: wrongKind(kindOf(content_type)) };
    return { media_key: key, media: { ...draft.media, content_type, size }, claimed_until: until };
  } catch (error) {
    ports.failed(conversationId, error);
    return { refused: { code: "unavailable", retry_after_ms: 1_000 } };
  }
}

type Found = { key: string; upload: Upload | null; kind: string | null };

async function find({ media_key, media_from }: MediaDraft, ports: MediaPorts): Promise<Result<Found>> {
  if (v.is(ContentKey, media_key)) {
    // Who may not see it, and who asks for what is not there, get the same.
    const seen = media_from === undefined ? absent("media_not_found") : await ports.mayDownload(media_from, media_key);
    if (seen.ok) return { ok: true, key: media_key, upload: null, kind: null };
    return seen.code === "not_found" ? absent("media_not_found") : seen;
  }
  const upload = ports.readUpload(media_key);
  return upload === null ? absent("media_not_found") : { ok: true, key: ports.keyOf(upload), upload, kind: upload.kind };
}

const absent = (code: ErrorCode): Refusal => ({ ok: false, code });

function wrongKind(kind: string | null): Omit<Refusal, "ok"> {
  return { code: "bad_frame", message: `The file is of the kind ${kind}: content_type has to say so.` };
}

function reasonOf({ code, message, retry_after_ms }: Refusal): Omit<Refusal, "ok"> {
  return { code, ...(message === undefined ? {} : { message }), ...(retry_after_ms === undefined ? {} : { retry_after_ms }) };
}
