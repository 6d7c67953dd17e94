// SHA-256 in hex: of a few bytes at once, and of files of any size with a bounded part of them in memory.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { ConfabError } from "../errors.ts";

/** Up to here the platform's own digest takes the whole file: it is several times faster, and takes nothing in pieces. */
const WHOLE_BYTES = 32 * 1024 * 1024;
/** Bytes of a file in memory at once; hashing them takes about 20 ms, in which a page stands still. */
const PIECE_BYTES = 4 * 1024 * 1024;

export function sha256Hex(bytes: Uint8Array): string {
  return bytesToHex(sha256(bytes));
}

/** Rejects with `file_unreadable` where the file changed on the disk or went, and with `aborted`. */
export async function sha256OfFile(file: Blob, signal: AbortSignal): Promise<string> {
  if (file.size <= WHOLE_BYTES && globalThis.crypto?.subtle !== undefined) {
    return bytesToHex(new Uint8Array(await crypto.subtle.digest("SHA-256", await bytesOf(file, signal))));
  }
  const hash = sha256.create();
  for (let at = 0; at < file.size; at += PIECE_BYTES) hash.update(await bytesOf(file.slice(at, at + PIECE_BYTES), signal));
  return bytesToHex(hash.digest());
}

export async function bytesOf(piece: Blob, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const read = await piece.arrayBuffer().catch((cause: unknown) => {
    throw new ConfabError("file_unreadable", "The file can't be read any more.", { cause });
  });
  if (signal.aborted) throw new ConfabError("aborted", "The upload was cancelled.");
  return new Uint8Array(read);
}
