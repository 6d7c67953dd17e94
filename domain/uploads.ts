// What may be uploaded, and in how many parts.
import { MEDIA_LIMITS, PART_BYTES, SINGLE_PUT_BYTES } from "../protocol/media.ts";
import type { PartEtags, UploadCall } from "../protocol/rpc/media.ts";

export type UploadDecision = { ok: true } | { ok: false; code: "bad_request" | "media_type_refused" | "media_too_large"; message: string };

/** By what is announced; whether the bytes bear it out is found when they are sent. */
export function decideUpload({ kind, content_type, size }: Pick<UploadCall, "kind" | "content_type" | "size">): UploadDecision {
  const { types, bytes } = MEDIA_LIMITS[kind];
  if (!types.includes(content_type)) return { ok: false, code: "media_type_refused", message: `${kind} takes ${types.join(", ")}.` };
  if (size === 0) return { ok: false, code: "bad_request", message: "An empty file can't be sent." };
  if (size > bytes) return { ok: false, code: "media_too_large", message: `${kind} takes up to ${bytes} bytes.` };
  return { ok: true };
}

/** null: it goes up in one PUT. */
export function planParts(size: number): { part_size: number; parts: number } | null {
  return size <= SINGLE_PUT_BYTES ? null : { part_size: PART_BYTES, parts: Math.ceil(size / PART_BYTES) };
}

/** The bytes of a part, counted from 1; 0: there is no such part. */
export function partSize(size: number, part: number): number {
  return Math.max(0, Math.min(PART_BYTES, size - (part - 1) * PART_BYTES));
}

/** Which parts lack, of those that make it whole. One of another length than it was signed for counts as lacking. */
export function missingParts(size: number, there: readonly { part: number; size: number }[]): number[] {
  const whole = new Set(there.filter((one) => one.size === partSize(size, one.part)).map(({ part }) => part));
  return Array.from({ length: Math.ceil(size / PART_BYTES) }, (_, i) => i + 1).filter((part) => !whole.has(part));
}

/** What is known of parts by the client's word: those that were signed can't have another length. */
export function partsByEtags(size: number, etags: PartEtags): { part: number; etag: string; size: number }[] {
  return etags.map((one) => ({ ...one, size: partSize(size, one.part) }));
}
