// Files for tests of media, with what a client announces of them.
import { createHash, randomBytes } from "node:crypto";
import type { SignedPut } from "../../protocol/media.ts";

export const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export interface TestFile {
  bytes: Uint8Array<ArrayBuffer>;
  size: number;
  sha256: string;
  content_type: string;
}

export function fileOf(bytes: Uint8Array<ArrayBuffer>, content_type: string): TestFile {
  return { bytes, size: bytes.length, sha256: sha256Of(bytes), content_type };
}

/** Bytes of no format. */
export function anyFile(size: number, content_type = "application/octet-stream"): TestFile {
  return fileOf(new Uint8Array(randomBytes(size)), content_type);
}

/** What a client does with what it was given; `more` is what it does wrong. */
export function put({ url, headers }: SignedPut, body: Uint8Array<ArrayBuffer>, more: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: "PUT", headers: { ...headers, ...more }, body });
}
