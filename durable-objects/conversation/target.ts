// Finding the message that a change, a reply or a thread means, and the seqs of a time.
import type { Target } from "../../domain/changes.ts";
import { bisect, type Bounds } from "../../domain/page.ts";
import { firstMsgIdOf, sentAtOf } from "../../protocol/msg-id.ts";
import type { EventRecord } from "./records.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";

/** msg_ids grow with seq, so no index is needed. */
export function seqAtOrAfter(store: ConversationStore, state: ConversationState, msgId: string): number {
  return bisect(1, state.head.seq, (at) => (store.readMsgId(at) as string) >= msgId);
}

/** @param query `from` ≤ sent_at < `to`, in ms */
export function timeBounds(store: ConversationStore, state: ConversationState, query: { from?: number | undefined; to?: number | undefined }): Bounds {
  return {
    from: query.from === undefined ? 1 : seqAtOrAfter(store, state, firstMsgIdOf(query.from)),
    to: query.to === undefined ? state.head.seq : seqAtOrAfter(store, state, firstMsgIdOf(query.to)) - 1,
  };
}

export function readByMsgId(store: ConversationStore, state: ConversationState, msgId: string): EventRecord | null {
  const seq = seqAtOrAfter(store, state, msgId);
  const row = seq > state.head.seq ? null : store.readEvent(seq);
  return row?.msg_id === msgId ? row : null;
}

export function targetOf(store: ConversationStore, row: EventRecord): Target {
  return {
    seq: row.seq, type: row.type, sender_id: row.sender_id, sent_at: sentAtOf(row.msg_id),
    deleted_seq: store.messages.readChange(row.seq)?.deleted_seq ?? null,
  };
}
