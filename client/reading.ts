// What it means that somebody has seen a conversation up to some seq. Pure.
import type { ConversationRow } from "../protocol/frames/inbox.ts";
import type { Slot } from "./timeline.ts";

/**
 * How many messages stay unread behind `seq`, or null where nothing is to be told: reactions and the like are nobody's to
 * read, and one's own messages are read.
 *
 * @param run what is here of the conversation, oldest first
 */
export function decideRead(run: readonly Slot[], seq: number, row: ConversationRow | undefined, me: string): number | null {
  if (seq === 0 || row === undefined) return null;
  let behind = 0;
  for (let i = run.length - 1; i >= 0; i--) {
    const slot = run[i] as Slot;
    if (slot.type !== "msg" || slot.sender_id === me) continue;
    if (slot.seq <= seq) return row.unread > 0 || slot.seq > row.read_seq ? behind : null;
    behind++;
  }
  return row.unread > 0 ? behind : null;
}
