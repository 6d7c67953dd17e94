// Pages of history. The conversation alone decides what a page holds; bodies that were pruned come from the archive.
import { bisect, type Bounds, intersect } from "../../domain/page.ts";
import { type Stay, visibleRange } from "../../domain/membership.ts";
import type { HistoryQuery } from "../../protocol/rest.ts";
import { BATCH_BYTES } from "../../protocol/limits.ts";
import type { HistoryReply, Result } from "../../protocol/rpc.ts";
import { hmacHex } from "../platform/hash.ts";
import type { EventRecord } from "./records.ts";
import { type FilesKept, showEvents } from "./shown.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";
import { readByMsgId, timeBounds } from "./target.ts";

export function readHistory(store: ConversationStore, state: ConversationState, stay: Stay, query: HistoryQuery, kept: FilesKept | null = null): Result<{ page: HistoryReply }> {
  const order = query.order ?? (query.after === undefined ? "desc" : "asc");
  const filter = JSON.stringify([stay.user_id, order, query.from ?? null, query.to ?? null, query.after ?? null, query.content_type ?? null, ...(query.thread === undefined ? [] : [query.thread])]);
  let bounds = intersect(visibleRange(stay, state.record.history), queryBounds(store, state, query));
  if (query.cursor !== undefined) {
    const position = openCursor(state, filter, query.cursor);
    if (position === null) return { ok: false, code: "bad_cursor" };
    if (position.epoch !== state.record.epoch) return { ok: false, code: "epoch_changed" };
    bounds = intersect(bounds, order === "asc" ? { from: position.seq + 1, to: Number.POSITIVE_INFINITY } : { from: 1, to: position.seq - 1 });
  }
  // One row more than the page tells whether there is another page.
  const root = query.thread === undefined ? null : readByMsgId(store, state, query.thread);
  const within = { from: bounds.from, to: Math.min(bounds.to, state.head.seq) };
  const rows = query.thread === undefined
    ? store.readRange(within.from, within.to, query.limit + 1, order, query.content_type ?? null)
    // Whether it is absent or not to be seen: there are no answers.
    : root === null || root.seq < visibleRange(stay, state.record.history).from ? [] : store.messages.readThread(root.seq, within, query.limit + 1, order, query.content_type ?? null);
  const page = fitting(rows.slice(0, query.limit));
  const last = page.at(-1);
  const events = showEvents(store, state.record, page, visibleRange(stay, state.record.history).from, kept);
  const hot = events.findIndex((event) => event.type === "pruned");
  const cursorAfter = (row: EventRecord) => sealCursor(state, filter, state.record.epoch, row.seq);
  return {
    ok: true,
    page: {
      as_of_seq: state.head.seq,
      events,
      next_cursor: last === undefined || page.length === rows.length ? null : cursorAfter(last),
      ...(hot > 0 ? { seam: { events: hot, cursor: cursorAfter(page[hot - 1] as EventRecord) } } : {}),
    },
  };
}

function queryBounds(store: ConversationStore, state: ConversationState, query: HistoryQuery): Bounds {
  const after = typeof query.after === "string"
    ? bisect(1, state.head.seq, (seq) => (store.readMsgId(seq) as string) > (query.after as string)) : (query.after ?? 0) + 1;
  const { from, to } = timeBounds(store, state, query);
  return { from: Math.max(after, from), to };
}

/** A call carries at most BATCH_BYTES, and always one event. */
function fitting(rows: EventRecord[]): EventRecord[] {
  let bytes = 0;
  const end = rows.findIndex((row) => {
    bytes += (row.body?.length ?? 0) * 3;
    return bytes > BATCH_BYTES;
  });
  return end === -1 ? rows : rows.slice(0, Math.max(1, end));
}

/** Opaque: epoch, seq, and a MAC over them, the reader and the query, so that an altered or foreign cursor is noticed. */
function sealCursor(state: ConversationState, filter: string, epoch: number, seq: number): string {
  return `${epoch}.${seq}.${hmacHex(state.record.cursor_key, `${epoch}.${seq}.${filter}`).slice(0, 32)}`;
}

function openCursor(state: ConversationState, filter: string, cursor: string): { epoch: number; seq: number } | null {
  const [epoch = Number.NaN, seq = Number.NaN] = cursor.split(".").map(Number);
  // The key went with the storage that was lost: such a cursor can't be told from an altered one, and neither opens anything.
  if (Number.isSafeInteger(epoch) && epoch > 0 && epoch < state.record.epoch) return { epoch, seq };
  // Compared as a whole: a number has more than one spelling.
  return cursor === sealCursor(state, filter, epoch, seq) ? { epoch, seq } : null;
}
