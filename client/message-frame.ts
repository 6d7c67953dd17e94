// A message or change of the outbox as the frame that goes to the server, and why it could not go.
import * as v from "valibot";
import { UP_FRAMES } from "../protocol/frames/up.ts";
import { byteLength, CONTENT_BYTES, FRAME_BYTES } from "../protocol/limits.ts";
import { ConfabError } from "./errors.ts";
import { encodeClientFrames } from "./frames.ts";
import type { Sending } from "./sending.ts";

/** Stands for the key of a file that is not up yet. */
const UNKNOWN_KEY = "up/";

export function frameOf({ message }: Sending): object {
  const { type = "msg", client_msg_id, to, conversation_id, content, content_type, media_key, media_from, media, reply_to, mentions, target_msg_id, emoji, on } = message;
  switch (type) {
    case "msg":
      return { type, client_msg_id, to, conversation_id, content, content_type, media_key, media_from, media, reply_to, mentions };
    case "edit":
      return { type, client_msg_id, conversation_id, target_msg_id, content, mentions };
    case "delete":
      return { type, client_msg_id, conversation_id, target_msg_id };
    case "react":
      return { type, client_msg_id, conversation_id, target_msg_id, emoji, on };
  }
}

export function sizeOf(sending: Sending): number {
  return byteLength(encodeClientFrames([frameOf(sending)]));
}

/** What the server would refuse anyway, and what it could not even name in its refusal. */
export function refusalOf(sending: Sending): ConfabError | null {
  if (byteLength(sending.content) > CONTENT_BYTES) return new ConfabError("content_too_large", "The content is over 64 KiB.");
  if (sizeOf(sending) > FRAME_BYTES) return new ConfabError("frame_too_large", "The frame is over 128 KiB.");
  const frame = frameOf(sending);
  // A key comes with the file's arrival at the store.
  const whole = sending.message.upload === undefined ? frame : { ...frame, media_key: sending.message.media_key ?? UNKNOWN_KEY };
  const result = v.safeParse(UP_FRAMES[sending.message.type ?? "msg"], whole);
  return result.success ? null : new ConfabError("bad_frame", result.issues[0].message);
}
