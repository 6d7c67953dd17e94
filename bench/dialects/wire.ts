// How the bench's sockets write and read frames, in each encoding.
import { encodeFrames } from "../../protocol/codec-json.ts";
import { decodeBinaryDown, encodeBinaryUp } from "../../protocol/codec-protobuf.ts";
import { type Encoding, SUBPROTOCOLS } from "../../protocol/encodings.ts";

export interface Wire {
  /** What the upgrade offers; with none a server speaks JSON, and the bare Worker knows no other. */
  subprotocols: string[];
  encode(frames: readonly object[]): string | Uint8Array;
  decode(message: Buffer): object[];
}

export const WIRES: Readonly<Record<Encoding, Wire>> = {
  json: {
    subprotocols: [],
    encode: encodeFrames,
    decode(message) {
      const parsed = JSON.parse(message.toString()) as object | object[];
      return Array.isArray(parsed) ? (parsed as object[]) : [parsed];
    },
  },
  pb: { subprotocols: [SUBPROTOCOLS.pb], encode: encodeBinaryUp, decode: decodeBinaryDown },
};
