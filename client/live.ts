// All that is no event: receipts and what became of one's messages, presence, typing, and which conversations are shown.
import type { DownFrame } from "../protocol/frames/down.ts";
import type { Environment } from "./environment.ts";
import { Presences } from "./presences.ts";
import { Receipts, type ReceiptTimes } from "./receipts.ts";
import { Statuses } from "./statuses.ts";
import type { ChatEvent, Slot } from "./timeline.ts";
import { Typing } from "./typing.ts";

export type LiveFrame = Extract<DownFrame, { type: "status" | "presence" | "typing" }>;

export interface LivePorts {
  /** False where nothing can be written now. */
  write(frames: readonly object[]): boolean;
  exists(conversation_id: string): boolean;
  /** The status of own messages in this conversation. */
  status(conversation_id: string): void;
  typing(conversation_id: string): void;
  presence(user_id: string): void;
}

export class Live {
  readonly receipts: Receipts;
  readonly statuses = new Statuses();
  readonly presences: Presences;
  readonly typing: Typing;
  readonly #ports: LivePorts;
  /** Own messages as their acks made them: nobody pushed those, so nobody waits for a receipt. */
  readonly #acked = new WeakSet<Slot>();

  constructor(environment: Environment, times: ReceiptTimes, ports: LivePorts) {
    this.#ports = ports;
    this.receipts = new Receipts(environment, times, (frames) => ports.write(frames));
    this.presences = new Presences(environment, { write: (frames) => ports.write(frames), changed: (user_id) => ports.presence(user_id) });
    this.typing = new Typing(environment, {
      write: (frames) => ports.write(frames),
      exists: (conversation_id) => ports.exists(conversation_id),
      changed: (conversation_id) => ports.typing(conversation_id),
    });
  }

  connected(): void {
    this.typing.connected();
    this.presences.connected();
    this.receipts.connected();
  }

  disconnected(): void {
    this.typing.disconnected();
    this.presences.disconnected();
    this.receipts.disconnected();
  }

  frame(frame: LiveFrame, me: string): void {
    if (frame.type === "presence") this.presences.shown(frame);
    else if (frame.type === "typing") {
      if (frame.user_id !== me) this.typing.shown(frame.conversation_id, frame.user_id, frame.on);
    } else {
      if ("msg_id" in frame) this.statuses.count(frame);
      else if (frame.user_id !== me) this.statuses.member(frame);
      else if (frame.status === "READ") this.receipts.stored(frame.conversation_id, frame.up_to_seq);
      this.#ports.status(frame.conversation_id);
    }
  }

  /** An event that this client made of an ack. */
  acked(event: ChatEvent): void {
    this.#acked.add(event);
    this.typing.sent(event.conversation_id);
  }

  /** New in a conversation's run, in order. */
  fresh(conversation_id: string, slots: readonly Slot[]): void {
    for (const slot of slots) {
      this.#moved(slot);
      if (slot.type === "msg") this.typing.shown(conversation_id, slot.sender_id, false);
    }
    const pushed = slots.findLast((slot) => !this.#acked.has(slot));
    if (pushed !== undefined) this.receipts.delivered(conversation_id, pushed.seq);
  }

  /** Older pages were read: with the first of them the conversation's end is here. */
  older(conversation_id: string, run: readonly Slot[]): void {
    for (const slot of run) this.#moved(slot);
    const newest = run.at(-1);
    if (newest !== undefined && this.receipts.deliveredSeq(conversation_id) === 0) this.receipts.delivered(conversation_id, newest.seq);
  }

  #moved(slot: Slot): void {
    if (slot.type !== "member_added" && slot.type !== "member_removed") return;
    this.statuses.moved(slot.conversation_id, slot.seq, slot.user_id, slot.type === "member_added");
  }

  /** A conversation is there only now: before, its people were strangers. */
  begun(conversation_id: string, peer_id: string | null): void {
    this.typing.begun(conversation_id);
    if (peer_id !== null) this.presences.again(peer_id);
  }

  forget(conversation_id: string): void {
    this.receipts.forget(conversation_id);
    this.statuses.forget(conversation_id);
  }
}
