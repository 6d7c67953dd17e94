// How files are called in the store, and to whoever downloads them.
import { createHmac } from "node:crypto";
import { INLINE_TYPES } from "../protocol/media.ts";

/**
 * The key of a content: its SHA-256 and type, under the deployment's secret. So one content has one place, and nobody who has the
 * file can name it, or ask whether it is there.
 */
export function contentKey(secret: string, { sha256, content_type }: { sha256: string; content_type: string }): string {
  return `m/${createHmac("sha256", secret).update(`${sha256}:${content_type}`).digest("hex")}`;
}

/** Each step of a key encoded for a URL, as S3 signs it. A `+` left as it is would be signed as a space. */
export function pathOf(key: string): string {
  return key.split("/").map(encodeURIComponent).join("/");
}

/** How a browser treats a file of this type. The name is the sender's word, and only ever a name. */
export function disposition(contentType: string, name: string | null = null): string {
  const kind = INLINE_TYPES.has(contentType) ? "inline" : "attachment";
  if (name === null) return kind;
  return `${kind}; filename*=UTF-8''${encodeURIComponent(name).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)}`;
}
