// Whether an upload is what it was announced as: its length, its hash, and its type by its first bytes. The same steps for every
// upload, whatever is known of its content.
import { decideType } from "../../domain/media.ts";
import type { Refusal } from "../../protocol/rpc.ts";
import type { Upload } from "../../protocol/rpc/media.ts";

/** Bytes of a file that tell its type. */
export const START_BYTES = 4_096;

/** The store of files, as `MediaBucket` says of each. */
export interface Files {
  head(key: string): Promise<{ size: number; etag: string } | null>;
  readStart(key: string, etag: string, bytes: number): Promise<Uint8Array | null>;
  readHash(key: string, etag: string): Promise<string | null>;
  copy(call: { from: string; etag: string; to: string; content_type: string }): Promise<"copied" | "absent" | "changed">;
  remove(key: string): Promise<void>;
  /** What the bytes are recognized as, without parameters; null for nothing that is known. */
  recognize(start: Uint8Array): Promise<string | null>;
  /** The store itself refuses a PUT whose bytes do not have the hash that was signed. */
  readonly verifies: boolean;
}

const MISMATCH: Refusal = { ok: false, code: "media_mismatch" };

/** `etag`: of what was checked. */
export async function checkUpload(files: Files, upload: Upload): Promise<{ ok: true; etag: string } | Refusal> {
  const head = await files.head(upload.key);
  if (head === null) return { ok: false, code: "media_not_found" };
  if (head.size !== upload.size) return MISMATCH;
  // Of parts the store has checked each for itself, and nobody the whole.
  if (!files.verifies || upload.upload_id !== null) {
    if ((await files.readHash(upload.key, head.etag)) !== upload.sha256) return MISMATCH;
  }
  const start = await files.readStart(upload.key, head.etag, START_BYTES);
  if (start === null) return MISMATCH;
  if (!decideType(upload.content_type, await files.recognize(start), start)) return { ok: false, code: "media_type_refused" };
  return { ok: true, etag: head.etag };
}
