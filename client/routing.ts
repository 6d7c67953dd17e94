// Where each frame of the server goes. A conversation's events of one text message go together, in their order.
import type { ConversationRow } from "../protocol/frames/inbox.ts";
import type { Head } from "../protocol/frames/sync.ts";
import type { ErrorFrame, ServerFrame } from "./frames.ts";
import type { LiveFrame } from "./live.ts";
import type { ChatEvent, Slot } from "./timeline.ts";

export interface Routes {
  /** The event that was sent; null where it is none of ours, or can't be told from the ack. */
  acked(frame: Extract<ServerFrame, { type: "ack" }>): ChatEvent | null;
  refused(frame: ErrorFrame): void;
  arrived(conversation_id: string, slots: readonly Slot[]): void;
  required(heads: readonly Head[]): void;
  live(frame: LiveFrame): void;
  row(user_seq: number, row: ConversationRow): void;
  goingAway(retry_after_ms: number): void;
  beatEvery(interval_ms: number): void;
}

export function route(frames: readonly ServerFrame[], routes: Routes): void {
  const waiting = new Map<string, Slot[]>();
  const flush = (): void => {
    for (const [conversation_id, slots] of waiting) routes.arrived(conversation_id, slots);
    waiting.clear();
  };
  const add = (slot: Slot): void => {
    const slots = waiting.get(slot.conversation_id);
    if (slots === undefined) waiting.set(slot.conversation_id, [slot]);
    else slots.push(slot);
  };
  for (const frame of frames) {
    switch (frame.type) {
      case "hello":
        break;
      case "ack": {
        const event = routes.acked(frame);
        if (event !== null) add(event);
        break;
      }
      case "error":
        routes.refused(frame);
        break;
      case "going_away":
        routes.goingAway(frame.retry_after_ms);
        break;
      case "heartbeat":
        routes.beatEvery(frame.interval_ms);
        break;
      case "status":
      case "presence":
      case "typing":
        routes.live(frame);
        break;
      case "sync_required":
        // After the events that came before it, or it would ask for them again.
        flush();
        routes.required(frame.conversations);
        break;
      case "inbox":
        flush();
        routes.row(frame.user_seq, frame.conversation);
        break;
      default:
        add(frame);
    }
  }
  flush();
}
