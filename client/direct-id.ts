// The id of a direct conversation, from its two users. Synchronous, so that a message can take its place in the order at
// once; the browser's own SHA-256 answers later, and not at all on a page without https.
import { directPairBytes } from "../protocol/ids.ts";
import { sha256Hex } from "./media/sha256.ts";

export function directId(a: string, b: string): string {
  return `d.${sha256Hex(directPairBytes(a, b))}`;
}
