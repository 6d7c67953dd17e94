// Tells sessions what became of their users' messages: one call under way for each, and meanwhile only the newest of each
// kind is kept. Pushing a status is a hint: who is not there learns of it by resuming, or asks.
import type { StatusFrame } from "../../protocol/frames/receipt.ts";
import type { DeliverReply } from "../../protocol/rpc.ts";
import type { StatusCall } from "../../protocol/rpc/receipts.ts";
import { count } from "../platform/metrics.ts";

export interface TellingPorts {
  call(userId: string, call: StatusCall): Promise<DeliverReply>;
  /** Is it worth a call? */
  reachable(userId: string): boolean;
  answered(userId: string, reply: DeliverReply): void;
  failed(userId: string, error: unknown): void;
}

export class Telling {
  /** What waits behind the call under way, by user and kind. */
  private readonly underWay = new Map<string, Map<string, StatusFrame>>();
  private readonly conversationId: string;
  private readonly ports: TellingPorts;

  constructor(conversationId: string, ports: TellingPorts) {
    this.conversationId = conversationId;
    this.ports = ports;
  }

  tell(userId: string, frames: readonly StatusFrame[]): void {
    const waiting = this.underWay.get(userId);
    if (waiting !== undefined) {
      for (const frame of frames) keep(waiting, frame);
    } else if (this.ports.reachable(userId)) {
      const queue = new Map<string, StatusFrame>();
      this.underWay.set(userId, queue);
      void this.run(userId, queue, [...frames]);
    }
  }

  private async run(userId: string, queue: Map<string, StatusFrame>, first: StatusFrame[]): Promise<void> {
    for (let frames = first; frames.length > 0 && this.ports.reachable(userId); frames = [...queue.values()], queue.clear()) {
      try {
        this.ports.answered(userId, await this.ports.call(userId, { conversation_id: this.conversationId, frames }));
        count("statuses_told", frames.length);
      } catch (error) {
        this.ports.failed(userId, error);
        break;
      }
    }
    this.underWay.delete(userId);
  }
}

/** Watermarks only grow, so the newest says all that the older ones said. */
function keep(waiting: Map<string, StatusFrame>, frame: StatusFrame): void {
  const key = statusKey(frame);
  // At the end: a READ must not come before the DELIVERED that it stands on.
  waiting.delete(key);
  waiting.set(key, frame);
}

/** What a newer frame of the same key takes the place of. */
export function statusKey(frame: StatusFrame): string {
  return "user_id" in frame ? `${frame.conversation_id} ${frame.status} ${frame.user_id}` : `${frame.conversation_id} ${frame.msg_id}`;
}
