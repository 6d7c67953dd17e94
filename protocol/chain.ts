// The hash chain of a conversation: whoever has its events' ids and content hashes can tell whether one of them was removed,
// changed or moved. Deletions leave a content's hash, so the chain outlives the content.
// chain_0 = SHA-256("confab chain 1" ‖ 0x00 ‖ conversation_id), chain_n = SHA-256(chain_{n-1} ‖ seq ‖ msg_id ‖ content_hash).

/** One event of the chain. content_hash: 64 hex digits. */
export interface ChainLink {
  seq: number;
  msg_id: string;
  content_hash: string;
}

/** SHA-256 as 64 hex digits; each side has its own. */
export type Sha256 = (bytes: Uint8Array) => string;

const LINK_BYTES = 32 + 8 + 16 + 32;

/** Another conversation's events are another chain, whatever they hold. */
export function chainStart(conversationId: string, sha256: Sha256): string {
  return sha256(new TextEncoder().encode(`confab chain 1\u0000${conversationId}`));
}

/** Every field has one length, so no two links have the same bytes: 32 of the hash before, 8 of seq (big-endian), 16 of the id, 32 of the content's hash. */
export function linkBytes(before: string, { seq, msg_id, content_hash }: ChainLink): Uint8Array {
  const bytes = new Uint8Array(LINK_BYTES);
  writeHex(bytes, 0, before, 32);
  new DataView(bytes.buffer).setBigUint64(32, BigInt(seq));
  writeHex(bytes, 40, msg_id.replaceAll("-", ""), 16);
  writeHex(bytes, 56, content_hash, 32);
  return bytes;
}

export function chainOver(before: string, links: Iterable<ChainLink>, sha256: Sha256): string {
  let chain = before;
  for (const link of links) chain = sha256(linkBytes(chain, link));
  return chain;
}

/** What a digit's character code says; 255 for all that are none. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const digit = "0123456789abcdef".indexOf(String.fromCharCode(code).toLowerCase());
  return digit === -1 ? 255 : digit;
});

/** Throws for text of another length: a hash that is cut off must not pass for one with zeros. */
function writeHex(bytes: Uint8Array, at: number, hex: string, length: number): void {
  if (hex.length !== length * 2) throw new Error(`${length} bytes in hex are ${length * 2} digits, not ${hex.length}`);
  for (let i = 0; i < length; i += 1) {
    const [high, low] = [DIGITS[hex.charCodeAt(i * 2)] ?? 255, DIGITS[hex.charCodeAt(i * 2 + 1)] ?? 255];
    if (high === 255 || low === 255) throw new Error("not hex digits");
    bytes[at + i] = high * 16 + low;
  }
}
