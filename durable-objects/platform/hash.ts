// Hashes and randomness for objects. Synchronous, because an append has no `await` within it.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

export function sha256Hex(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

export function hmacHex(key: Uint8Array, text: string): string {
  return createHmac("sha256", key).update(text).digest("hex");
}

export function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

export function toHex(bytes: Uint8Array | ArrayBuffer): string {
  return Buffer.from(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)).toString("hex");
}

/** Two hashes as hex digits: in a time that says nothing of where they differ. */
export function sameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

/** How `notify` names a conversation, in 8 bytes. */
export function handleOf(conversationId: string): string {
  return sha256Hex(conversationId).slice(0, 16);
}
