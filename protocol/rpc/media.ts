// Calls about media: the uploads that a user's session keeps, the content that a Blob keeps, and what a conversation knows of both.
import type { MediaKind } from "../media.ts";
import type { Claims, Result } from "../rpc.ts";

export type * from "./media-keeping.ts";

/** What a client announces before it uploads. */
export interface UploadCall {
  kind: MediaKind;
  content_type: string;
  size: number;
  /** hex */
  sha256: string;
}

/** An upload as its user's session keeps it until it is sent, or for UNSENT_MS. */
export interface Upload extends UploadCall {
  /** `up/<user_id>/<id>` */
  key: string;
  /** Of an upload in parts, the store's own id. */
  upload_id: string | null;
  /** ms */
  created_at: number;
}

/** ETags of parts that were uploaded, as the client got them. */
export type PartEtags = { part: number; etag: string }[];

/** On a user's session. Those with claims admit them first, as one request; whose upload it is not finds none: `media_not_found`. */
export interface UploadCalls {
  /** Keeps what is announced, or finds it by the key that it was announced with before, until `expires_at`, ms. `too_many_uploads` past PENDING_UPLOADS. */
  startUpload(claims: Claims, call: UploadCall & { key?: string }): Promise<Result<{ upload: Upload; expires_at: number }>>;
  /** `upload_id` is null until the store has given one; the first that is set stays. */
  setUploadId(call: { key: string; upload_id: string }): Promise<Result<{ upload: Upload }>>;
  /** Keeps what the client knows of its parts too, for stores that can't list them. */
  readUpload(claims: Claims, call: { key: string; etags?: PartEtags }): Promise<Result<{ upload: Upload; etags: PartEtags }>>;
  /** It will not be sent. */
  dropUpload(call: { key: string }): Promise<void>;
}

/** A message that carries a content; named by what makes a message one, so that a repeated call names the same. */
export interface MediaReference {
  conversation_id: string;
  sender_id: string;
  client_msg_id: string;
}

/** On a content's Blob. */
export interface BlobCalls {
  /**
   * An upload of it was announced: what a new object costs is done before it is claimed, so that the time of a claim does not tell
   * whether it is one. Nobody waits for it.
   */
  expect(call: { key: string; content_type: string; size: number }): Promise<void>;
  /**
   * Before the append: the reference is kept, then the upload is checked and copied to `key`. Without an upload it is a forward of what
   * is there. Refused: `media_mismatch`, `media_type_refused`, `media_not_found`, `media_expired`, `unavailable`.
   */
  claim(call: { key: string; reference: MediaReference; upload: Upload | null }): Promise<Result<Claimed>>;
  /**
   * After messages were deleted, erased or refused: their conversations are asked. `at_once`: their sender was erased, and what
   * nothing else refers to goes without a grace.
   */
  release(call: { key: string; references: MediaReference[]; at_once?: boolean }): Promise<void>;
  /** Where the content is, for whoever may have it. `media_expired` where it is gone. */
  locate(): Promise<Result<Located>>;
}

/** `until`: the message may be appended up to then, ms; later its reference may be gone. */
export interface Claimed {
  content_type: string;
  size: number;
  until: number;
}

/** `object`: its key in the store, which is not the one that messages have for ever. */
export interface Located {
  object: string;
  content_type: string;
  size: number;
}

/** On a conversation. */
export interface ConversationMediaCalls {
  /** Whether the user may see a message that carries it. `not_found` as for a stranger; `media_expired` past its time. */
  mayDownload(call: { user_id: string; media_key: string }): Promise<Result<{ msg_id: string }>>;
  /** Asked by a Blob about references that it has not heard of since: which of them stand. */
  mediaStands(call: StandsCall): Promise<MediaWord>;
}

export interface StandsCall {
  media_key: string;
  references: Omit<MediaReference, "conversation_id">[];
}

/** `absent`: there is no such conversation, as far as it knows: its storage may be lost. Throws where it waits to be restored. */
export interface MediaWord {
  stands: boolean[];
  absent?: true;
}
