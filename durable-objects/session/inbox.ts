// The user's conversations: what a settle makes of a row, the list, and its cursor.
import { decideSettle } from "../../domain/delivery.ts";
import type { ConversationList, ConversationRow } from "../../protocol/rest.ts";
import type { DeliverCall, Result } from "../../protocol/rpc.ts";
import { sha256Hex } from "../platform/hash.ts";
import type { InboxRecord, SessionStore } from "./store.ts";

/** The row after a settle; null where it changes nothing. */
export function settledRow(row: InboxRecord | null, call: DeliverCall, userId: string, userSeq: number, now: number): InboxRecord | null {
  if (decideSettle(row, call.epoch, call.head_seq) === "keep") return null;
  const sent = call.sent !== null && call.sent.seq > (row?.read_seq ?? 0) ? call.sent : null;
  return {
    conversation_id: call.conversation_id, kind: call.kind, title: call.title,
    peer_id: call.pair === null ? null : (call.pair.find((user) => user !== userId) ?? userId),
    epoch: call.epoch, settled_seq: call.head_seq, settled_at: now, head_msg_no: call.head_msg_no,
    read_seq: sent?.seq ?? row?.read_seq ?? 0, read_msg_no: sent?.msg_no ?? row?.read_msg_no ?? 0,
    last_at: call.head_at, left_at: call.left ? now : null, user_seq: userSeq + 1,
  };
}

const HEADS_KEPT = 1_000;

export interface HeardHead {
  head_seq: number;
  head_msg_no: number;
  last_at: number;
}

/** Heads that this session has heard of and that will settle within seconds: the list shows them at once. */
export class Heads {
  private readonly byConversation = new Map<string, HeardHead>();

  heard(conversationId: string, head: HeardHead): void {
    const known = this.byConversation.get(conversationId);
    this.byConversation.delete(conversationId);
    this.byConversation.set(conversationId, {
      head_seq: Math.max(head.head_seq, known?.head_seq ?? 0),
      head_msg_no: Math.max(head.head_msg_no, known?.head_msg_no ?? 0),
      last_at: Math.max(head.last_at, known?.last_at ?? 0),
    });
    const oldest = this.byConversation.keys().next().value;
    if (this.byConversation.size > HEADS_KEPT && oldest !== undefined) this.byConversation.delete(oldest);
  }

  has(conversationId: string): boolean {
    return this.byConversation.has(conversationId);
  }

  over(row: InboxRecord): InboxRecord {
    const heard = this.byConversation.get(row.conversation_id);
    if (heard === undefined || heard.head_seq <= row.settled_seq) return row;
    return { ...row, settled_seq: heard.head_seq, head_msg_no: Math.max(heard.head_msg_no, row.head_msg_no), last_at: Math.max(heard.last_at, row.last_at) };
  }
}

export function listConversations(store: SessionStore, userId: string, heads: Heads, cursor: string | null, limit: number): Result<{ list: ConversationList }> {
  const before = cursor === null ? null : openCursor(userId, cursor);
  if (cursor !== null && before === null) return { ok: false, code: "bad_cursor" };
  const rows = store.readInboxPage(before, limit + 1);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    ok: true,
    list: { conversations: page.map((row) => toRow(heads.over(row))).toSorted((a, b) => b.last_at - a.last_at), next_cursor: last === undefined || page.length === rows.length ? null : sealCursor(userId, last) },
  };
}

function toRow(row: InboxRecord): ConversationRow {
  const { conversation_id, kind, title, peer_id, epoch, settled_seq, head_msg_no, read_seq, read_msg_no, last_at } = row;
  return { conversation_id, kind, title, peer_id, epoch, head_seq: settled_seq, head_msg_no, read_seq, unread: head_msg_no - read_msg_no, last_at };
}

function sealCursor(userId: string, { last_at, conversation_id }: Pick<InboxRecord, "last_at" | "conversation_id">): string {
  return `${last_at}_${conversation_id}_${check(userId, last_at, conversation_id)}`;
}

function openCursor(userId: string, cursor: string): Pick<InboxRecord, "last_at" | "conversation_id"> | null {
  const [at, conversation_id = ""] = cursor.split("_");
  const position = { last_at: Number(at), conversation_id };
  // Compared as a whole: a number has more than one spelling.
  return cursor === sealCursor(userId, position) ? position : null;
}

/** Notices an altered or foreign cursor; a forged one would only show the user their own list from elsewhere. */
function check(userId: string, lastAt: number, conversationId: string): string {
  return sha256Hex(`${userId.length}:${userId}:${lastAt}:${conversationId}`).slice(0, 16);
}
