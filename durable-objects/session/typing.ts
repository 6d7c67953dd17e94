// Typing: this user's, on its way to a conversation, and others', on its way to the devices that have it open.
import { decideTyping, type LastTyping } from "../../domain/typing.ts";
import { errorFields, log } from "../../log/log.ts";
import { errorFrame } from "../../protocol/codec-json.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import { isDirect } from "../../protocol/ids.ts";
import type { TypingShown } from "../../protocol/rpc/presence.ts";
import { count } from "../platform/metrics.ts";
import type { SessionCore } from "./core.ts";
import type { Handlers } from "./frames.ts";
import type { PresenceStore } from "./store/presence.ts";

/** Conversations whose last typing is known. */
const KEPT = 100;

export class Typing {
  private readonly core: SessionCore;
  private readonly store: PresenceStore;
  private readonly last = new Map<string, LastTyping>();

  constructor(core: SessionCore, store: PresenceStore) {
    this.core = core;
    this.store = store;
  }

  readonly handlers: Handlers = {
    typing: (device, { conversation_id, on }, fill) => {
      if (this.passes(conversation_id, on)) this.core.background(device, "typing", this.tell(conversation_id, on).then(fill));
      else fill(null);
    },
  };

  /** From a conversation. Who is blocked types in silence. */
  shown({ conversation_id, typing }: TypingShown): void {
    const { devices } = this.core;
    if (!devices.isViewing(conversation_id)) return;
    const frames = typing.filter(({ user_id }) => !this.store.readBlocked(user_id))
      .map(({ user_id, on }): DownFrame => ({ type: "typing", conversation_id, user_id, on }));
    if (frames.length === 0) return;
    count("typing_events", frames.length);
    devices.sendViewing(conversation_id, frames);
  }

  private passes(conversationId: string, on: boolean): boolean {
    const last = decideTyping(this.last.get(conversationId) ?? null, on, Date.now());
    if (last === null) return false;
    this.last.delete(conversationId);
    this.last.set(conversationId, last);
    const oldest = this.last.keys().next().value;
    if (this.last.size > KEPT && oldest !== undefined) this.last.delete(oldest);
    return !this.isBlocking(conversationId);
  }

  /** Whom one has blocked, one does not show oneself to. */
  private isBlocking(conversationId: string): boolean {
    const peer = isDirect(conversationId) ? this.core.store.readInbox(conversationId)?.peer_id : null;
    return typeof peer === "string" && this.store.readBlocked(peer);
  }

  private async tell(conversationId: string, on: boolean): Promise<DownFrame | null> {
    try {
      const told = await this.core.through(conversationId, (stub) => stub.typing({ user_id: this.core.userId, on }));
      return told.ok ? null : errorFrame(told.code, {}, { conversation_id: conversationId });
    } catch (error) {
      // A moment later it would be wrong: it is not tried again, and the client has nothing to do about it.
      log("warn", "typing_failed", { user_id: this.core.userId, conversation_id: conversationId, ...errorFields(error) });
      return null;
    }
  }
}
