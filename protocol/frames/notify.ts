// `notify`: 16 bytes that tell a device of a new head in a large group. 0x00, version, 6 bytes of seq, 8 bytes of the
// conversation's handle, all big-endian.
import { type Head } from "./sync.ts";

export const NOTIFY_BYTES = 16;
const VERSION = 1;

/** @param handle 16 hex digits, from the conversation list */
export function encodeNotify(handle: string, seq: Head["head_seq"]): Uint8Array {
  const bytes = new Uint8Array(NOTIFY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(1, VERSION);
  view.setUint16(2, Math.floor(seq / 2 ** 32));
  view.setUint32(4, seq % 2 ** 32);
  view.setBigUint64(8, BigInt(`0x${handle}`));
  return bytes;
}

/** null for bytes that are no notify of a version known here. */
export function decodeNotify(bytes: Uint8Array): { handle: string; seq: number } | null {
  if (bytes.byteLength !== NOTIFY_BYTES || bytes[0] !== 0 || bytes[1] !== VERSION) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { handle: view.getBigUint64(8).toString(16).padStart(16, "0"), seq: view.getUint16(2) * 2 ** 32 + view.getUint32(4) };
}
