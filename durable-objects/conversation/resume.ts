// What a member's device that comes back is pushed: the events behind its cursor, as far as they are to be had here.
import { type Stay, visibleRange } from "../../domain/membership.ts";
import type { Result, Resumed, ResumeCall } from "../../protocol/rpc.ts";
import { frameJson } from "./encode.ts";
import type { Opened } from "./opened.ts";
import type { ConversationStore } from "./store.ts";

export function resumeMember(store: ConversationStore, opened: Pick<Opened, "state" | "fanout" | "receipts">, stay: Stay, call: ResumeCall): Result<Resumed> {
  const { record, head } = opened.state;
  const place = { conversation_id: record.conversation_id, epoch: record.epoch };
  if (call.cursor.epoch !== record.epoch) return { ok: false, code: "epoch_changed" };
  if (call.cursor.seq > head.seq) return { ok: false, code: "bad_cursor" };
  const visibleFrom = visibleRange(stay, record.history).from;
  const from = Math.max(call.cursor.seq + 1, visibleFrom);
  const rows = store.messages.readPage({ from, to: head.seq }, call.limit, "asc", null);
  // Pruned bodies can't be pushed: the client pulls them.
  const end = rows.findIndex((row) => row.body === null);
  const pushed = end === -1 ? rows : rows.slice(0, end);
  const reached_seq = rows.length === 0 ? head.seq : (pushed.at(-1)?.seq ?? from - 1);
  if (call.gen !== undefined) opened.fanout.attach({ user_id: call.user_id, gen: call.gen, ...(call.until === undefined ? {} : { until: call.until }) }, call.alone === true);
  const read = opened.receipts.readForGood(stay);
  return {
    ok: true, frames: pushed.map((row) => frameJson(place, row, visibleFrom)), reached_seq, head: { ...place, head_seq: head.seq },
    statuses: opened.receipts.missed(stay), ...(read === null ? {} : { read }),
  };
}
