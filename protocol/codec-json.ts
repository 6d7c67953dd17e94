// JSON on the wire: a text message holds one frame or an array of frames. Decoding never throws; every item of an array
// stands for itself.
import * as v from "valibot";
import { type ErrorCode, type ErrorDetail, errorBody } from "./errors.ts";
import { type ErrorFrame } from "./frames/down.ts";
import { MSG_ALIASES } from "./frames/msg.ts";
import { UP_FRAMES, type UpFrame } from "./frames/up.ts";
import { ClientMsgId, ConversationId } from "./ids.ts";
import { byteLength, CONTENT_BYTES, FRAME_BYTES, FRAMES_PER_ARRAY } from "./limits.ts";

export type DecodedFrame = { ok: true; frame: UpFrame } | { ok: false; error: ErrorFrame };

/** @param named what the bad frame said of itself, so that the client can tell which one is meant */
export function errorFrame(code: ErrorCode, detail: ErrorDetail = {}, named: { client_msg_id?: string; conversation_id?: string } = {}): ErrorFrame {
  return { type: "error", ...errorBody(code, detail), ...named };
}

/** The frames of one text message. */
export function decodeFrames(text: string): DecodedFrame[] {
  // A string has at most three bytes of UTF-8 per unit, so most messages need no count.
  if (text.length > FRAME_BYTES || (text.length * 3 > FRAME_BYTES && byteLength(text) > FRAME_BYTES)) return [refused("frame_too_large")];
  // The runtime turns invalid UTF-8 into U+FFFD without a word: what was sent can no longer be told.
  if (text.includes("\uFFFD")) return [refused("bad_frame", { message: "invalid UTF-8; write U+FFFD as an escape" })];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [refused("bad_frame", { message: "not JSON" })];
  }
  if (!Array.isArray(parsed)) return [decodeFrame(parsed)];
  if (parsed.length === 0) return [refused("bad_frame", { message: "an empty array" })];
  if (parsed.length > FRAMES_PER_ARRAY) return [refused("bad_frame", { message: `more than ${FRAMES_PER_ARRAY} frames` })];
  return parsed.map((item) => decodeFrame(item));
}

/** One frame of an already parsed message. */
export function decodeFrame(value: unknown): DecodedFrame {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refused("bad_frame", { message: "a frame is an object" });
  const given = value as Record<string, unknown>;
  const named = namedIn(given);
  if (typeof given["type"] !== "string") return refused("bad_frame", { message: "type is missing" }, named);
  const alias = MSG_ALIASES.get(given["type"]);
  const type = alias === undefined ? given["type"] : "msg";
  if (!Object.hasOwn(UP_FRAMES, type)) return refused("unknown_type", {}, named);
  const content = given["content"];
  if ((type === "msg" || type === "edit") && typeof content === "string" && content.length * 3 > CONTENT_BYTES && byteLength(content) > CONTENT_BYTES) {
    return refused("content_too_large", {}, named);
  }
  const input = alias === undefined ? given : { ...given, type, content_type: alias };
  const result = v.safeParse(UP_FRAMES[type as keyof typeof UP_FRAMES], input);
  if (result.success) return { ok: true, frame: result.output };
  return refused("bad_frame", { message: firstIssue(result.issues) }, named);
}

/** Of what an error says of a field. Names of our own are shorter; those in a record, or of an unknown field, are the client's. */
const PATH_UNITS = 100;

/** `field: what is wrong`, without echoing what was sent. */
export function firstIssue(issues: [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  const [issue] = issues;
  const whole = v.getDotPath(issue);
  const path = whole !== null && whole.length > PATH_UNITS ? null : whole;
  if (issue.kind === "validation" && issue.type === "check") return path === null ? issue.message : `${path}: ${issue.message}`;
  return path === null ? "wrong shape" : `${path}: wrong or missing`;
}

/** A client gives its frames as one text: an array where there are several. */
export function encodeFrames(frames: readonly object[]): string {
  return frames.length === 1 ? JSON.stringify(frames[0]) : JSON.stringify(frames);
}

function namedIn(given: Record<string, unknown>): { client_msg_id?: string; conversation_id?: string } {
  const { client_msg_id, conversation_id } = given;
  return {
    ...(v.is(ClientMsgId, client_msg_id) ? { client_msg_id } : {}),
    ...(v.is(ConversationId, conversation_id) ? { conversation_id } : {}),
  };
}

function refused(code: ErrorCode, detail: ErrorDetail = {}, named = {}): DecodedFrame {
  return { ok: false, error: errorFrame(code, detail, named) };
}
