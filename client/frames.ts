// A text message from the server as frames, and frames as a text message to it.
import * as v from "valibot";
import { encodeFrames } from "../protocol/codec-json.ts";
import { DownFrame, SkipFrame } from "../protocol/frames/down.ts";
import { Event, EVENT_TYPES } from "../protocol/events.ts";
import { codeOf, ConfabError } from "./errors.ts";

/** As in the protocol, but a newer server's code is not a broken frame. */
const LenientErrorFrame = v.object({
  type: v.literal("error"),
  code: v.string(),
  message: v.string(),
  retryable: v.boolean(),
  retry_after_ms: v.optional(v.number()),
  client_msg_id: v.optional(v.string()),
  conversation_id: v.optional(v.string()),
});
export type ErrorFrame = v.InferOutput<typeof LenientErrorFrame>;

export type ServerFrame = Exclude<DownFrame, { type: "error" }> | ErrorFrame;

export interface Decoded {
  frames: ServerFrame[];
  /** Why items of known type were left out; unknown types are ignored, they are a newer server's. */
  malformed: string[];
}

const KNOWN = new Set<unknown>(["hello", "ack", "skip", "sync_required", "going_away", "status", "presence", "heartbeat", "typing", "inbox", ...EVENT_TYPES]);

export function decodeServerText(text: string): Decoded {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { frames: [], malformed: ["not JSON"] };
  }
  return decodeServerItems(Array.isArray(parsed) ? parsed : [parsed]);
}

/** Frames that are parsed already. */
export function decodeServerItems(items: readonly unknown[]): Decoded {
  const decoded: Decoded = { frames: [], malformed: [] };
  for (const item of items) {
    const type: unknown = typeof item === "object" && item !== null ? (item as { type?: unknown }).type : undefined;
    const result = type === "error" ? v.safeParse(LenientErrorFrame, item) : KNOWN.has(type) ? v.safeParse(DownFrame, item) : null;
    if (result === null) continue;
    if (result.success) decoded.frames.push(result.output as ServerFrame);
    else decoded.malformed.push(`${String(type)}: ${result.issues[0].message}`);
  }
  return decoded;
}

/** A raw U+FFFD would be refused: the server can't tell it from bytes that were no UTF-8. */
export function encodeClientFrames(frames: readonly object[]): string {
  return encodeFrames(frames).replaceAll("\uFFFD", "\\ufffd");
}

export function errorOfFrame(frame: ErrorFrame): ConfabError {
  return new ConfabError(codeOf(frame.code), frame.message, { retryable: frame.retryable, retry_after_ms: frame.retry_after_ms });
}

/** What a conversation's sequence holds, on the wire. */
export const SequenceFrame = v.variant("type", [Event, SkipFrame]);
