// Finding the message that a change, a reply or a thread means.
import type { Target } from "../../domain/changes.ts";
import { bisect } from "../../domain/page.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import type { EventRecord } from "./records.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";

/** msg_ids grow with seq, so no index is needed. */
export function readByMsgId(store: ConversationStore, state: ConversationState, msgId: string): EventRecord | null {
  const seq = bisect(1, state.head.seq, (at) => (store.readMsgId(at) as string) >= msgId);
  const row = seq > state.head.seq ? null : store.readEvent(seq);
  return row?.msg_id === msgId ? row : null;
}

export function targetOf(store: ConversationStore, row: EventRecord): Target {
  return {
    seq: row.seq, type: row.type, sender_id: row.sender_id, sent_at: sentAtOf(row.msg_id),
    deleted_seq: store.messages.readChange(row.seq)?.deleted_seq ?? null,
  };
}
