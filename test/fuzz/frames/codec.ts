// What both decoders must do with whatever they are given. Each throws where it is not so.
import * as v from "valibot";
import { decodeFrames, type DecodedFrame } from "../../../protocol/codec-json.ts";
import { decodeBinaryFrames, encodeBinaryUp } from "../../../protocol/codec-protobuf.ts";
import type { ErrorCode } from "../../../protocol/errors.ts";
import { ErrorFrame } from "../../../protocol/frames/down.ts";
import { UP_FRAMES } from "../../../protocol/frames/up.ts";

const CODES: readonly ErrorCode[] = ["bad_frame", "unknown_type", "frame_too_large", "content_too_large"];

export function checkText(text: string): DecodedFrame[] {
  return checked(decodeFrames(text));
}

export function checkBinary(bytes: Uint8Array): DecodedFrame[] {
  return checked(decodeBinaryFrames(bytes));
}

function checked(decoded: DecodedFrame[]): DecodedFrame[] {
  if (decoded.length === 0) throw new Error("no frame and no error");
  for (const item of decoded) {
    if (item.ok) checkFrame(item.frame);
    else checkError(item.error);
  }
  for (const prototype of [Object.prototype, Array.prototype]) {
    const added = Object.keys(prototype);
    if (added.length > 0) throw new Error(`a prototype got ${added.join(", ")}`);
  }
  return decoded;
}

/** What was let in is one of the protocol, with no field that its schema does not have, and means the same in protobuf. */
function checkFrame(frame: { type: keyof typeof UP_FRAMES }): void {
  if (!Object.hasOwn(UP_FRAMES, frame.type)) throw new Error(`a frame of type ${frame.type}`);
  const again = v.safeParse(UP_FRAMES[frame.type], frame);
  if (!again.success) throw new Error(`let in, and not valid: ${JSON.stringify(frame).slice(0, 300)}`);
  const known = Object.keys(UP_FRAMES[frame.type].entries);
  const foreign = Object.keys(frame).filter((name) => !known.includes(name));
  if (foreign.length > 0) throw new Error(`let in with ${foreign.join(", ")}`);
  if (Object.getPrototypeOf(frame) !== Object.prototype) throw new Error("let in with a prototype of its own");
  const [other] = decodeBinaryFrames(encodeBinaryUp([frame]));
  if (other?.ok !== true || JSON.stringify(sorted(other.frame)) !== JSON.stringify(sorted(frame))) {
    throw new Error(`${JSON.stringify(frame).slice(0, 500)} is in protobuf ${JSON.stringify(other).slice(0, 500)}`);
  }
}

function checkError(error: object): void {
  const result = v.safeParse(ErrorFrame, error);
  if (!result.success || !CODES.includes(result.output.code)) throw new Error(`not an error of a decoder: ${JSON.stringify(error).slice(0, 300)}`);
  if (result.output.message.length > 300) throw new Error(`an error that repeats what was sent: ${result.output.message.slice(0, 100)}`);
}

/** Protobuf has no lone surrogates: where nobody keeps a text, one may be in it. */
function sorted(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, inner]) => [name, sorted(inner)]));
}
