// What a conversation brings to this session, by call or over a line: to the devices, and with a settle to the inbox.
import type { DeliverCall, DeliverReply } from "../../protocol/rpc.ts";
import type { KnownHead } from "../../protocol/restore-calls.ts";
import type { Blocks } from "./blocks.ts";
import type { SessionCore } from "./core.ts";
import type { Inbox } from "./inbox.ts";
import type { Presence } from "./presence.ts";
import type { Pushes } from "./pushes.ts";
import type { Receipts } from "./receipts.ts";

export interface DeliveringParts {
  inbox: Inbox;
  pushes: Pushes;
  receipts: Receipts;
  blocks: Blocks;
  presence: Presence;
}

export class Delivering {
  private readonly core: SessionCore;
  private readonly parts: DeliveringParts;

  constructor(core: SessionCore, parts: DeliveringParts) {
    this.core = core;
    this.parts = parts;
  }

  /** @returns what the inbox has beyond a settle */
  take(call: DeliverCall): KnownHead | null {
    const { core, parts: { inbox, pushes, receipts, blocks, presence } } = this;
    const now = Date.now();
    core.devices.push(call);
    core.heads.heard(call.conversation_id, { head_seq: call.head_seq, head_msg_no: call.head_msg_no, last_at: call.head_at });
    if (call.left) receipts.forget(call.conversation_id);
    let known: KnownHead | null = null;
    if (call.settle) {
      blocks.settling(call);
      if ((core.known(call.conversation_id)?.epoch ?? call.epoch) < call.epoch) receipts.forget(call.conversation_id);
      known = inbox.settle(call, now);
    } else if ((call.mode ?? "write") !== "write") {
      inbox.told(call.conversation_id);
      pushes.heard(call, now);
    } else if (call.again === true) {
      pushes.again(call, now);
    }
    // After the push: a device that is only late still gets it.
    if (core.devices.sweep(now)) presence.check(now);
    if (call.again === true) presence.doubt();
    return known;
  }

  reply(conversationId: string): DeliverReply {
    const { gen, devices, sockets, polls } = this.core;
    return {
      gen, live: devices.live, viewing: devices.isViewing(conversationId), until: devices.until, lines: true,
      ...(sockets.speak("pb") ? { pb: true, pb_alone: polls.size === 0 && !sockets.speak("json") } : {}),
    };
  }
}
