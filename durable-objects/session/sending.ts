// What a user's devices send into conversations, and its acknowledgements.
import { errorFrame } from "../../protocol/codec-json.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { Draft } from "../../protocol/frames/msg.ts";
import type { UpFrame, UpFrames } from "../../protocol/frames/up.ts";
import { directPair } from "../../protocol/ids.ts";
import { type AppendAnswer, type AppendItem, type ChangeItem, isPlain } from "../../protocol/rpc.ts";
import { sessionOf } from "../platform/env.ts";
import type { SessionCore } from "./core.ts";
import type { Device } from "./device.ts";
import { type Fill, type Handlers, named } from "./frames.ts";
import { Lanes } from "./lanes.ts";

export class Sending {
  readonly lanes: Lanes;
  private readonly core: SessionCore;

  constructor(core: SessionCore) {
    this.core = core;
    this.lanes = new Lanes({
      userId: () => core.userId,
      known: (conversationId) => core.known(conversationId),
      append: (conversationId, call) => core.through(conversationId, (stub) => (call.items.every(isPlain) ? stub.append(call) : stub.appendAny(call))),
      reachable: (userId) => sessionOf(core.env, userId).reachable({ from: core.userId }),
      alone: (deviceIds) => core.devices.only(deviceIds),
    });
  }

  readonly handlers: Handlers = {
    msg: (device, frame, fill) => this.append(frame, device.device_id, (answer) => fill(answerFrame(frame, answer))),
    edit: (device, frame, fill) => this.change(device, frame, fill),
    delete: (device, frame, fill) => this.change(device, frame, fill),
    react: (device, frame, fill) => this.change(device, frame, fill),
  };

  private change(device: Device, frame: UpFrames["edit" | "delete" | "react"], fill: Fill): void {
    const { conversation_id } = frame;
    const item = changeItem(frame, device.device_id);
    this.lanes.add(conversation_id, null, item, (answer) => {
      this.hear(answer);
      fill(answerFrame(frame, answer));
    });
  }

  append(draft: Draft, deviceId: string | null, answer: (answer: AppendAnswer) => void): void {
    if (draft.media_key !== undefined) {
      answer({ ok: false, code: "media_unavailable" });
      return;
    }
    const { client_msg_id, content, content_type, reply_to, mentions, client_sequence_number } = draft;
    const item: AppendItem = {
      client_msg_id, device_id: deviceId, content, content_type,
      ...(reply_to === undefined ? {} : { reply_to }),
      ...(mentions === undefined || mentions.length === 0 ? {} : { mentions }),
      ...(client_sequence_number === undefined ? {} : { client_sequence_number }),
    };
    const answered = (given: AppendAnswer) => {
      this.hear(given);
      answer(given);
    };
    if (draft.to === undefined) this.lanes.add(draft.conversation_id as string, null, item, answered);
    else this.lanes.add(this.core.directId(draft.to), directPair(this.core.userId, draft.to), item, answered);
  }

  private hear(answer: AppendAnswer): void {
    if (answer.ok) this.core.heads.heard(answer.ack.conversation_id, { head_seq: answer.ack.seq, head_msg_no: 0, last_at: answer.ack.sent_at });
  }
}

function changeItem(frame: UpFrames["edit" | "delete" | "react"], device_id: string): ChangeItem {
  const { client_msg_id, target_msg_id } = frame;
  const change = { client_msg_id, device_id, target_msg_id };
  switch (frame.type) {
    case "edit":
      return { ...change, type: "edit", content: frame.content, ...(frame.mentions === undefined ? {} : { mentions: frame.mentions }) };
    case "delete":
      return { ...change, type: "delete" };
    case "react":
      return { ...change, type: "react", emoji: frame.emoji, on: frame.on };
  }
}

function answerFrame(frame: UpFrame, answer: AppendAnswer): DownFrame {
  if (answer.ok) return answer.ack;
  const { code, retry_after_ms, message } = answer;
  const detail = { ...(message === undefined ? {} : { message }), ...(retry_after_ms === undefined ? {} : { retry_after_ms }) };
  return errorFrame(code, detail, named(frame));
}
