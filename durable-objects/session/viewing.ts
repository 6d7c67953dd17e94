// What the user's devices have open. A conversation is told when the first device opens it and when the last one has closed
// it: large groups send bodies there alone, and typing goes nowhere else.
import { errorFields, log } from "../../log/log.ts";
import { errorFrame } from "../../protocol/codec-json.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import { OPEN_CONVERSATIONS } from "../../protocol/limits.ts";
import type { ConversationCalls } from "../../protocol/rpc.ts";
import { again } from "./again.ts";
import type { SessionCore } from "./core.ts";
import type { Device } from "./device.ts";
import type { Handlers } from "./frames.ts";

type Told = Awaited<ReturnType<ConversationCalls["view"]>>;

const UNAVAILABLE: Told = { ok: false, code: "unavailable", retry_after_ms: 1_000 };

export class Viewing {
  private readonly core: SessionCore;
  /** The last call to each conversation: the next one waits for it. */
  private readonly calls = new Map<string, Promise<Told>>();

  constructor(core: SessionCore) {
    this.core = core;
    core.devices.onGone(({ viewing = [] }) => {
      for (const conversationId of viewing) if (!core.devices.isViewing(conversationId)) void this.tell(conversationId);
    });
  }

  readonly handlers: Handlers = {
    open: (device, { conversation_id }, fill) => this.core.background(device, "open", this.open(device, conversation_id).then(fill)),
    close: (device, { conversation_id }, fill) => {
      fill(null);
      if (!device.viewing.includes(conversation_id)) return;
      this.shut(device, conversation_id);
      if (!this.core.devices.isViewing(conversation_id)) void this.tell(conversation_id);
    },
  };

  /** What is open is said again: the user may be there longer than was said. */
  tellAll(): void {
    for (const conversationId of this.core.devices.viewing) void this.tell(conversationId);
  }

  private async open(device: Device, conversationId: string): Promise<DownFrame | null> {
    const others = device.viewing.filter((id) => id !== conversationId);
    if (others.length >= OPEN_CONVERSATIONS) {
      return errorFrame("bad_frame", { message: `more than ${OPEN_CONVERSATIONS} open` }, { conversation_id: conversationId });
    }
    device.view([...others, conversationId]);
    const told = await this.tell(conversationId);
    if (told.ok) {
      // Where nobody is told of every event, a device that begins to look learns how far the conversation is.
      return told.mode === "write" ? null : { type: "sync_required", conversations: [told.head] };
    }
    this.shut(device, conversationId);
    return errorFrame(told.code, told.retry_after_ms === undefined ? {} : { retry_after_ms: told.retry_after_ms }, { conversation_id: conversationId });
  }

  private shut(device: Device, conversationId: string): void {
    device.view(device.viewing.filter((id) => id !== conversationId));
  }

  /** One call after the other, each with how things are when it is made: the last one holds. */
  private tell(conversationId: string): Promise<Told> {
    const before = this.calls.get(conversationId) ?? Promise.resolve();
    const call = before.then(() => this.tellNow(conversationId));
    this.calls.set(conversationId, call);
    void call.then(() => {
      if (this.calls.get(conversationId) === call) this.calls.delete(conversationId);
    });
    return call;
  }

  private async tellNow(conversationId: string): Promise<Told> {
    const { core } = this;
    const call = () => ({ user_id: core.userId, gen: core.gen, viewing: core.devices.isViewing(conversationId), until: core.devices.until });
    try {
      return await again(() => core.through(conversationId, (stub) => stub.view(call())));
    } catch (error) {
      // What was not said of a closed one, the reply to the next delivery says.
      log("warn", "view_failed", { user_id: core.userId, conversation_id: conversationId, ...errorFields(error) });
      return UNAVAILABLE;
    }
  }
}
