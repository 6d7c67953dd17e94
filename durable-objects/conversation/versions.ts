// What a message said before it was edited.
import { type Stay, visibleRange } from "../../domain/membership.ts";
import type { HistoryReply, Result } from "../../protocol/rpc.ts";
import { asSent } from "./shown.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";
import { readByMsgId, targetOf } from "./target.ts";

export function readVersions(store: ConversationStore, state: ConversationState, stay: Stay, msgId: string): Result<{ page: HistoryReply }> {
  const row = readByMsgId(store, state, msgId);
  if (row === null || row.type !== "msg" || row.seq < visibleRange(stay, state.record.history).from) return { ok: false, code: "not_found" };
  const rows = targetOf(store, row).deleted_seq === null ? [row, ...store.messages.readEdits(row.seq)] : [];
  return { ok: true, page: { events: rows.map((version) => asSent(state.record, version)), next_cursor: null, as_of_seq: state.head.seq } };
}
