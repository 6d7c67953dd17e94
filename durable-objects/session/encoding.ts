// What goes over one socket, in the encoding that it chose when it opened: text or binary, never both.
import { type DecodedFrame, decodeFrames, encodeFrames, errorFrame } from "../../protocol/codec-json.ts";
import { decodeBinaryDown, decodeBinaryFrames, encodeBinaryFrames, transcode } from "../../protocol/codec-protobuf.ts";
import type { Encoding } from "../../protocol/encodings.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { EncodedEvents } from "../../protocol/rpc.ts";

/** Never throws: what is of the wrong kind is one bad frame. */
export function decodeMessage(encoding: Encoding, message: string | ArrayBuffer): DecodedFrame[] {
  if (typeof message === "string") return encoding === "json" ? decodeFrames(message) : [wrong("text on a protobuf socket")];
  return encoding === "pb" ? decodeBinaryFrames(new Uint8Array(message)) : [wrong("binary on a JSON socket")];
}

export function encodeMessage(encoding: Encoding, frames: readonly DownFrame[]): string | Uint8Array {
  return encoding === "json" ? encodeFrames(frames) : encodeBinaryFrames(frames);
}

/** @param json a frame, or an array of frames */
export function fromJson(encoding: Encoding, json: string): string | Uint8Array {
  return encoding === "json" ? json : transcode(json);
}

/** The conversation encodes for whom it knows to want it; a socket that came after that has it done here. */
export function eventsFor(encoding: Encoding, events: EncodedEvents): string | Uint8Array {
  if (encoding === "json") return jsonOf(events);
  events.pb ??= transcode(events.json);
  return events.pb;
}

/** A device that wants JSON may have come after the session said that none did. */
export function jsonOf(events: EncodedEvents): string {
  if (events.json === "" && events.pb !== undefined) events.json = JSON.stringify(decodeBinaryDown(events.pb));
  return events.json;
}

function wrong(message: string): DecodedFrame {
  return { ok: false, error: errorFrame("bad_frame", { message }) };
}
