// Who is typing, to the sessions with a device that has the conversation open. Nothing of it is stored: it is worth nothing
// a few seconds later. One call under way for each session, and meanwhile only the newest of each typist is kept.
import { decideShown } from "../../domain/typing.ts";
import { TYPING_SHOWS } from "../../protocol/limits.ts";
import type { DeliverReply } from "../../protocol/rpc.ts";
import type { TypingShown } from "../../protocol/rpc/presence.ts";
import type { Attached } from "./attached.ts";

export interface TypingPorts {
  call(userId: string, shown: TypingShown): Promise<DeliverReply>;
  /** A session said how it is. */
  answered(userId: string, reply: DeliverReply): void;
  failed(userId: string, error: unknown): void;
  now(): number;
}

export class Typing {
  /** Members who are shown to type, unless it has ended by itself. */
  private readonly shown = new Set<string>();
  private readonly underWay = new Map<string, Map<string, boolean>>();
  private budget = { since: 0, spent: 0 };
  private readonly conversationId: string;
  private readonly attached: Attached;
  private readonly ports: TypingPorts;

  constructor(conversationId: string, attached: Attached, ports: TypingPorts) {
    this.conversationId = conversationId;
    this.attached = attached;
    this.ports = ports;
  }

  /** From a member, whose session has seen to it that this is not too often. */
  take(userId: string, on: boolean): void {
    const now = this.ports.now();
    const viewers = this.attached.viewers(now).filter((viewer) => viewer !== userId);
    if (on) {
      const budget = decideShown(this.budget, viewers.length, TYPING_SHOWS, now);
      if (budget === null) return;
      this.budget = budget;
      this.shown.add(userId);
    } else if (!this.shown.delete(userId)) {
      return;
    }
    for (const viewer of viewers) this.show(viewer, userId, on);
  }

  private show(viewer: string, userId: string, on: boolean): void {
    const waiting = this.underWay.get(viewer);
    if (waiting !== undefined) {
      waiting.set(userId, on);
      return;
    }
    const queue = new Map<string, boolean>();
    this.underWay.set(viewer, queue);
    void this.run(viewer, queue, [{ user_id: userId, on }]);
  }

  private async run(viewer: string, queue: Map<string, boolean>, first: TypingShown["typing"]): Promise<void> {
    for (let typing = first; typing.length > 0; typing = [...queue].map(([user_id, on]) => ({ user_id, on })), queue.clear()) {
      try {
        this.ports.answered(viewer, await this.ports.call(viewer, { conversation_id: this.conversationId, typing }));
      } catch (error) {
        this.ports.failed(viewer, error);
        break;
      }
    }
    this.underWay.delete(viewer);
  }
}
