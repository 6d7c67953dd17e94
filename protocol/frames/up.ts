// All frames that a client sends.
import * as v from "valibot";
import { DeleteFrame, EditFrame, ReactFrame } from "./change.ts";
import { MsgFrame } from "./msg.ts";
import { HeartbeatFrame, PresenceSubFrame, PresenceUnsubFrame } from "./presence.ts";
import { ReceiptFrame } from "./receipt.ts";
import { AuthRefreshFrame, ResumeFrame } from "./sync.ts";
import { CloseFrame, OpenFrame, TypingFrame } from "./viewing.ts";

export const UP_FRAMES = {
  msg: MsgFrame,
  edit: EditFrame,
  delete: DeleteFrame,
  react: ReactFrame,
  receipt: ReceiptFrame,
  open: OpenFrame,
  close: CloseFrame,
  typing: TypingFrame,
  presence_sub: PresenceSubFrame,
  presence_unsub: PresenceUnsubFrame,
  heartbeat: HeartbeatFrame,
  resume: ResumeFrame,
  auth_refresh: AuthRefreshFrame,
} as const;

export type UpType = keyof typeof UP_FRAMES;
export type UpFrames = { [T in UpType]: v.InferOutput<(typeof UP_FRAMES)[T]> };
export type UpFrame = UpFrames[UpType];
