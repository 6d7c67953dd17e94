// All frames that a client sends.
import * as v from "valibot";
import { MsgFrame } from "./msg.ts";
import { AuthRefreshFrame, ResumeFrame } from "./sync.ts";

export const UP_FRAMES = { msg: MsgFrame, resume: ResumeFrame, auth_refresh: AuthRefreshFrame } as const;

export type UpFrame = { [T in keyof typeof UP_FRAMES]: v.InferOutput<(typeof UP_FRAMES)[T]> }[keyof typeof UP_FRAMES];
