// Pages of history. The conversation alone decides what a page holds; bodies that were pruned come from the archive.
import { bisect, type Bounds, fitting, intersect } from "../../domain/page.ts";
import { type Stay, visibleRange } from "../../domain/membership.ts";
import type { HistoryQuery } from "../../protocol/rest.ts";
import { PAGE_MAX } from "../../protocol/limits.ts";
import type { HistoryReply, Result } from "../../protocol/rpc.ts";
import { hmacHex } from "../platform/hash.ts";
import type { ShownRecord } from "./records.ts";
import { type FilesKept, showEvents, showTexts } from "./shown.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";
import { readByMsgId, timeBounds } from "./target.ts";

/** @param asText whoever asks passes the page on as it is */
export function readHistory(
  store: ConversationStore, state: ConversationState, stay: Stay, query: HistoryQuery, kept: FilesKept | null = null, asText = false,
): Result<{ page: HistoryReply }> {
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
  const visibleFrom = visibleRange(stay, state.record.history).from;
  const rows = readRows(within, query.limit + 1, order, ({ from, to }, limit) => (query.thread === undefined
    ? store.messages.readPage({ from, to }, limit, order, query.content_type ?? null)
    // Whether it is absent or not to be seen: there are no answers.
    : root === null || root.seq < visibleFrom ? [] : store.messages.readThread(root.seq, { from, to }, limit, order, query.content_type ?? null)));
  const page = rows.slice(0, Math.min(query.limit, fitting(rows.map(sizeOf))));
  const last = page.at(-1);
  const cursorAfter = (row: ShownRecord) => sealCursor(state, filter, state.record.epoch, row.seq);
  const next_cursor = last === undefined || page.length === rows.length ? null : cursorAfter(last);
  const as_of_seq = state.head.seq;
  const texts = asText ? showTexts(store, state.record, page, visibleFrom, kept) : null;
  if (texts !== null) return { ok: true, page: { as_of_seq, events: [], next_cursor, text: pageText(texts, next_cursor, as_of_seq) } };
  const events = showEvents(store, state.record, page, visibleFrom, kept);
  const hot = events.findIndex((event) => event.type === "pruned");
  return { ok: true, page: { as_of_seq, events, next_cursor, ...(hot > 0 ? { seam: { events: hot, cursor: cursorAfter(page[hot - 1] as ShownRecord) } } : {}) } };
}

/** Run by run, so that of large messages no more is read than a page holds. */
function readRows(within: Bounds, limit: number, order: "asc" | "desc", read: (bounds: Bounds, limit: number) => ShownRecord[]): ShownRecord[] {
  const rows: ShownRecord[] = [];
  for (let rest = within; ;) {
    const wanted = Math.min(PAGE_MAX + 1, limit - rows.length);
    const run = read(rest, wanted);
    rows.push(...run);
    const last = run.at(-1);
    if (last === undefined || run.length < wanted || rows.length === limit || fitting(rows.map(sizeOf)) < rows.length) return rows;
    rest = order === "asc" ? { ...rest, from: last.seq + 1 } : { ...rest, to: last.seq - 1 };
  }
}

function sizeOf({ body }: ShownRecord): number | null {
  return body === null ? null : body.length;
}

/** The answer to who asks for a page, as `HistoryPage` describes it. */
function pageText(events: readonly string[], next_cursor: string | null, as_of_seq: number): string {
  return `{"events":[${events.join(",")}],"next_cursor":${JSON.stringify(next_cursor)},"as_of_seq":${as_of_seq}}`;
}

function queryBounds(store: ConversationStore, state: ConversationState, query: HistoryQuery): Bounds {
  const after = typeof query.after === "string"
    ? bisect(1, state.head.seq, (seq) => (store.readMsgId(seq) as string) > (query.after as string)) : (query.after ?? 0) + 1;
  const { from, to } = timeBounds(store, state, query);
  return { from: Math.max(after, from), to };
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
