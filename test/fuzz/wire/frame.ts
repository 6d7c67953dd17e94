// WebSocket frames by hand (RFC 6455, section 5.2): everything in them can be wrong.

export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameShape {
  opcode: number;
  payload?: Uint8Array;
  fin?: boolean;
  /** Bits 4, 2 and 1: RSV1 says that it is compressed, where that was agreed upon. */
  reserved?: number;
  masked?: boolean;
  /** What the header says, and how many bits it takes for that; by default the truth, in as few as will do. */
  length?: bigint;
  width?: 7 | 16 | 64;
}

export function frameBytes({ opcode, payload = Buffer.alloc(0), fin = true, reserved = 0, masked = true, length = BigInt(payload.byteLength), width }: FrameShape): Buffer {
  const bits = width ?? (length < 126n ? 7 : length < 65_536n ? 16 : 64);
  const header = Buffer.alloc(2 + (bits === 7 ? 0 : bits / 8) + (masked ? 4 : 0));
  header[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  header[1] = (masked ? 0x80 : 0) | (bits === 7 ? Number(length & 0x7fn) : bits === 16 ? 126 : 127);
  if (bits === 16) header.writeUInt16BE(Number(length & 0xffffn), 2);
  if (bits === 64) header.writeBigUInt64BE(length, 2);
  if (!masked) return Buffer.concat([header, payload]);
  // Any mask will do, also one of zeros; this one changes every byte.
  const mask = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
  mask.copy(header, header.length - 4);
  const body = Buffer.from(payload);
  for (let i = 0; i < body.length; i += 1) body[i] = (body[i] as number) ^ (mask[i & 3] as number);
  return Buffer.concat([header, body]);
}

export function text(content: string, more: Partial<FrameShape> = {}): Buffer {
  return frameBytes({ opcode: OPCODES.text, payload: Buffer.from(content), ...more });
}

export function closeFrame(code: number | null, reason: Uint8Array = Buffer.alloc(0)): Buffer {
  const payload = Buffer.alloc(code === null ? 0 : 2);
  if (code !== null) payload.writeUInt16BE(code);
  return frameBytes({ opcode: OPCODES.close, payload: Buffer.concat([payload, reason]) });
}
