// What a user's devices send into conversations, and its acknowledgements.
import { errorFrame } from "../../protocol/codec-json.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { Draft } from "../../protocol/frames/msg.ts";
import type { UpFrame, UpFrames } from "../../protocol/frames/up.ts";
import { directPair } from "../../protocol/ids.ts";
import { type AppendAnswer, type ChangeItem, isMedia, isPlain, type MsgItem } from "../../protocol/rpc.ts";
import type { Upload } from "../../protocol/rpc/media.ts";
import { errorFields, log } from "../../log/log.ts";
import { contentKey } from "../../media/names.ts";
import { blobOf, mediaOf, sessionOf } from "../platform/env.ts";
import { again } from "./again.ts";
import type { SessionCore } from "./core.ts";
import type { Device } from "./device.ts";
import { type Fill, type Handlers, named } from "./frames.ts";
import { Lanes } from "./lanes.ts";
import { type MediaPorts, prepareMedia } from "./media.ts";

/** The user's uploads, as far as sending goes. */
export interface SentUploads {
  read(key: string): Upload | null;
  /** It is a message's file now. */
  sent(key: string): void;
}

export class Sending {
  readonly lanes: Lanes;
  private readonly core: SessionCore;

  private readonly uploads: SentUploads;

  constructor(core: SessionCore, uploads: SentUploads) {
    this.core = core;
    this.uploads = uploads;
    this.lanes = new Lanes({
      userId: () => core.userId,
      known: (conversationId) => core.known(conversationId),
      append: (conversationId, call) => core.through(conversationId, (stub) => (call.items.every(isPlain) ? stub.append(call) : call.items.some(isMedia) ? stub.appendMedia(call) : stub.appendAny(call))),
      reachable: (userId) => sessionOf(core.env, userId).reachable({ from: core.userId }),
      alone: (deviceIds) => core.devices.only(deviceIds),
      gen: () => core.gen,
      missed: (head, deviceIds) => core.devices.send([{ type: "sync_required", conversations: [head] }], new Set([...deviceIds].filter((id) => id !== null))),
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
    const { client_msg_id, content, content_type, reply_to, mentions, client_sequence_number } = draft;
    const item: MsgItem = {
      client_msg_id, device_id: deviceId, content, content_type,
      ...(reply_to === undefined ? {} : { reply_to }),
      ...(mentions === undefined || mentions.length === 0 ? {} : { mentions }),
      ...(client_sequence_number === undefined ? {} : { client_sequence_number }),
    };
    const [conversationId, pair] = draft.to === undefined ? [draft.conversation_id as string, null] : [this.core.directId(draft.to), directPair(this.core.userId, draft.to)];
    const { media_key } = draft;
    if (media_key !== undefined) {
      this.appendMedia({ ...draft, media_key }, { conversationId, pair, item }, answer);
      return;
    }
    this.lanes.add(conversationId, pair, item, (given) => {
      this.hear(given);
      answer(given);
    });
  }

  private appendMedia(
    draft: Draft & { media_key: string }, { conversationId, pair, item }: { conversationId: string; pair: [string, string] | null; item: MsgItem },
    answer: (answer: AppendAnswer) => void,
  ): void {
    const ports = this.mediaPorts();
    if (ports === null) {
      answer({ ok: false, code: "media_unavailable" });
      return;
    }
    const prepared = prepareMedia(draft, conversationId, ports).then((media): MsgItem => ({ ...item, ...media }));
    this.lanes.add(conversationId, pair, item, (given) => {
      this.hear(given);
      void prepared.then(({ media_key }) => {
        if (given.ok && media_key !== undefined && given.ack.media_key === media_key) this.uploads.sent(draft.media_key);
      });
      answer(given);
    }, prepared);
  }

  /** An upload has begun. Its answer does not wait for this: nor does it tell anything of the content. */
  announced(upload: Upload): void {
    const { env, userId } = this.core;
    const bucket = mediaOf(env);
    if (bucket === null) return;
    const key = contentKey(bucket.settings.secret, upload);
    blobOf(env, key).expect({ key, content_type: upload.content_type, size: upload.size })
      .catch((error: unknown) => log("warn", "media_unexpected", { user_id: userId, ...errorFields(error) }));
  }

  /** null: the deployment has no media. */
  private mediaPorts(): MediaPorts | null {
    const { core, uploads } = this;
    const bucket = mediaOf(core.env);
    if (bucket === null) return null;
    return {
      userId: () => core.userId,
      keyOf: (upload) => contentKey(bucket.settings.secret, upload),
      readUpload: (key) => uploads.read(key),
      claim: (key, call) => again(() => blobOf(core.env, key).claim(call)),
      failed: (conversation_id, error) => log("warn", "media_unprepared", { conversation_id, user_id: core.userId, ...errorFields(error) }),
      mayDownload: (conversationId, media_key) => again(() => core.through(conversationId, (stub) => stub.mayDownload({ user_id: core.userId, media_key }))),
    };
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
