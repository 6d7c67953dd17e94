// msg_id is a UUIDv7 that carries the conversation's logical clock: 48 bits of milliseconds, then the microsecond within
// it in the 12 bits behind the version. So ids increase strictly with seq, and times are read from ids.

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");

/**
 * @param clock microseconds since 1970
 * @param random eight random bytes, of which 62 bits are used
 */
export function msgIdAt(clock: number, random: Uint8Array): string {
  const ms = Math.floor(clock / 1_000);
  const time = hex(ms, 12);
  const tail = [...random.subarray(0, 8)].map((byte, i) => hex(i === 0 ? (byte & 0x3f) | 0x80 : byte, 2)).join("");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(clock % 1_000, 3)}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}

/** Microseconds since 1970 of a msg_id. */
export function clockOf(msgId: string): number {
  const ms = Number.parseInt(msgId.slice(0, 8) + msgId.slice(9, 13), 16);
  return ms * 1_000 + Number.parseInt(msgId.slice(15, 18), 16);
}

/** Milliseconds since 1970: the event's `sent_at`. */
export function sentAtOf(msgId: string): number {
  return Number.parseInt(msgId.slice(0, 8) + msgId.slice(9, 13), 16);
}

/** The smallest msg_id of a millisecond: every id sent before `ms` sorts below it, every other one not below. */
export function firstMsgIdOf(ms: number): string {
  return msgIdAt(ms * 1_000, new Uint8Array(8));
}

/** The archive's bucket of a msg_id: its month in UTC, `2026-11`. */
export function bucketOf(msgId: string): string {
  return new Date(sentAtOf(msgId)).toISOString().slice(0, 7);
}
