// Everything that a conversation keeps, page by page: each event as it was sealed and as it now is. What was pruned has its place
// and its hash here, and its body in the archive.
import { planSegment, SEGMENT_EVENTS } from "../../domain/sealing.ts";
import type { ExportConversationCall, ExportedConversation, ExportedEvent, ExportedStay, ExportEventsCall, ExportPage } from "../../protocol/rpc/exports.ts";
import { toHex } from "../platform/hash.ts";
import { describe } from "./members.ts";
import { toSegmentEvent } from "./segment-line.ts";
import { showEvents } from "./shown.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";
import { ExportStore } from "./store/exports.ts";
import { ReceiptsStore } from "./store/receipts.ts";

const NO_MARKS = { delivered_seq: 0, delivered_at: 0, read_seq: 0, read_at: 0 };

export function exportPart(store: ConversationStore, state: ConversationState, call: ExportConversationCall): ExportedConversation {
  switch (call.part) {
    case "detail":
      return { conversation: describe(store, state) };
    case "events":
      return { page: exportEvents(store, state, call) };
    case "stays":
      return { stays: exportStays(store, call.user_id) };
  }
}

function exportEvents(store: ConversationStore, { record, head }: ConversationState, { from, sender_id }: ExportEventsCall): ExportPage {
  // Bounded as a segment is, in bytes and in events.
  const next = from + planSegment(store.readSizes(from, SEGMENT_EVENTS));
  const all = store.readRange(from, next - 1, SEGMENT_EVENTS, "asc");
  const rows = sender_id === undefined ? all : all.filter((row) => row.sender_id === sender_id);
  const shown = showEvents(store, record, rows, 1);
  const events = rows.map((row, i): ExportedEvent => {
    const sealed = row.body === null ? null : toSegmentEvent(store, record, row);
    return {
      seq: row.seq, msg_id: row.msg_id, type: row.type, sealed, shown: shown[i] as ExportedEvent["shown"],
      content_hash: sealed === null ? toHex(row.content_hash as Uint8Array) : sealed.content_hash,
    };
  });
  return { events, next: Math.max(next, from + 1), head_seq: head.seq, epoch: record.epoch };
}

function exportStays(store: ConversationStore, userId: string): ExportedStay[] {
  const marks = new ReceiptsStore(store.sql).readPages().flatMap((page) => page.stays).filter((stay) => stay.user_id === userId);
  return new ExportStore(store.sql).readStays(userId).map(({ role, joined_seq, left_seq }) => ({
    role, joined_seq, left_seq, ...NO_MARKS, ...marks.find((stay) => stay.joined_seq === joined_seq)?.marks,
  }));
}
