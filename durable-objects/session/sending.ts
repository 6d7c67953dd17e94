// What a user's devices send into conversations, and its acknowledgements.
import { errorFrame } from "../../protocol/codec-json.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { Draft } from "../../protocol/frames/msg.ts";
import { directPair } from "../../protocol/ids.ts";
import type { AppendAnswer, AppendItem } from "../../protocol/rpc.ts";
import { sessionOf } from "../platform/env.ts";
import type { SessionCore } from "./core.ts";
import type { Handlers } from "./frames.ts";
import { Lanes } from "./lanes.ts";

export class Sending {
  readonly lanes: Lanes;
  private readonly core: SessionCore;

  constructor(core: SessionCore) {
    this.core = core;
    this.lanes = new Lanes({
      userId: () => core.userId,
      append: (conversationId, call) => core.through(conversationId, (stub) => stub.append(call)),
      reachable: (userId) => sessionOf(core.env, userId).reachable({ from: core.userId }),
      alone: (deviceIds) => core.devices.only(deviceIds),
    });
  }

  readonly handlers: Handlers = {
    msg: (device, frame, fill) => this.append(frame, device.device_id, (answer) => fill(answerFrame(frame, answer))),
  };

  append(draft: Draft, deviceId: string | null, answer: (answer: AppendAnswer) => void): void {
    if (draft.media_key !== undefined) {
      answer({ ok: false, code: "media_unavailable" });
      return;
    }
    const item: AppendItem = { client_msg_id: draft.client_msg_id, device_id: deviceId, content: draft.content, content_type: draft.content_type };
    const answered = (given: AppendAnswer) => {
      if (given.ok) this.core.heads.heard(given.ack.conversation_id, { head_seq: given.ack.seq, head_msg_no: 0, last_at: given.ack.sent_at });
      answer(given);
    };
    if (draft.to === undefined) this.lanes.add(draft.conversation_id as string, null, item, answered);
    else this.lanes.add(this.core.directId(draft.to), directPair(this.core.userId, draft.to), item, answered);
  }
}

function answerFrame(draft: Draft, answer: AppendAnswer): DownFrame {
  if (answer.ok) return answer.ack;
  const { code, retry_after_ms, message } = answer;
  const detail = { ...(message === undefined ? {} : { message }), ...(retry_after_ms === undefined ? {} : { retry_after_ms }) };
  const named = draft.conversation_id === undefined ? {} : { conversation_id: draft.conversation_id };
  return errorFrame(code, detail, { client_msg_id: draft.client_msg_id, ...named });
}
