// A block between the two users of a direct conversation: who is blocked may not write, and learns no reason.
import type { BlockCall } from "../../protocol/rpc/users.ts";
import type { ConversationState } from "./state.ts";

/** Nothing happens unless both are the conversation's two users. */
export function setBlock(state: ConversationState, call: BlockCall, now: number): void {
  const { user_id, by, on } = call;
  if (state.record.kind !== "direct" || user_id === by || !state.members.has(user_id) || !state.members.has(by)) return;
  if (state.banned.has(user_id) === on) return;
  if (on) state.bans.commitBan(user_id, by, now);
  else state.bans.commitUnbanned(user_id);
  if (on) state.banned.add(user_id);
  else state.banned.delete(user_id);
}
