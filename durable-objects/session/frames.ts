// Every frame that a client sends, and which part of the session takes it. A type without a handler is answered `unknown_type`.
import { type DecodedFrame, errorFrame } from "../../protocol/codec-json.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { UpFrame, UpFrames, UpType } from "../../protocol/frames/up.ts";
import type { Device } from "./device.ts";

/** Gives the frame its answer: exactly once; null for none. */
export type Fill = (frame: DownFrame | null) => void;

export type Handlers = { readonly [T in UpType]?: (device: Device, frame: UpFrames[T], fill: Fill) => void };

export function handleFrame(handlers: Handlers, device: Device, frame: UpFrame, fill: Fill): void {
  const handler = handlers[frame.type] as ((device: Device, frame: UpFrame, fill: Fill) => void) | undefined;
  if (handler === undefined) fill(errorFrame("unknown_type", {}, named(frame)));
  else handler(device, frame, fill);
}

/** What a frame says of itself, so that the client can tell which one an error means. */
export function named(frame: UpFrame): { client_msg_id?: string; conversation_id?: string } {
  return {
    ...("client_msg_id" in frame ? { client_msg_id: frame.client_msg_id } : {}),
    ...("conversation_id" in frame && frame.conversation_id !== undefined ? { conversation_id: frame.conversation_id } : {}),
  };
}

/** The same of what may be no frame; of a message that is sent again by its key, that is enough. */
export function namedIn(item: DecodedFrame): ReturnType<typeof named> {
  if (item.ok) return named(item.frame);
  const { client_msg_id, conversation_id } = item.error;
  return { ...(client_msg_id === undefined ? {} : { client_msg_id }), ...(conversation_id === undefined ? {} : { conversation_id }) };
}
