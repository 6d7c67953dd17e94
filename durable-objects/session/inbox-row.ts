// What a settle makes of a conversation's row, and the row as its user sees it.
import { mergeLast, mergeMentions } from "../../domain/inbox.ts";
import { decideSettle } from "../../domain/delivery.ts";
import type { ConversationRow } from "../../protocol/frames/inbox.ts";
import type { Settled } from "../../protocol/rpc/inbox.ts";
import { handleOf } from "../platform/hash.ts";
import type { InboxRecord } from "./store.ts";

/** The row after a settle; null where it changes nothing. */
export function settledRow(row: InboxRecord | null, call: Settled, userId: string, userSeq: number, now: number): InboxRecord | null {
  if (decideSettle(row, call.epoch, call.head_seq) === "keep") return readRow(row, call, userSeq);
  const isNew = row !== null && call.epoch > row.epoch;
  const read = furthest(readBefore(row, isNew ? (call.restored ?? null) : null), call);
  return {
    conversation_id: call.conversation_id, kind: call.kind, title: call.title,
    peer_id: call.pair === null ? null : (call.pair.find((user) => user !== userId) ?? userId),
    epoch: call.epoch, settled_seq: call.head_seq, settled_at: now, head_msg_no: call.head_msg_no,
    read_seq: read.seq, read_msg_no: read.msg_no,
    last_at: call.head_at, left_at: call.left ? now : null, user_seq: userSeq + 1,
    // Who has left hears of no deletion any more.
    last_message: call.left ? null : mergeLast(isNew ? null : (row?.last_message ?? null), call.last),
    mentions: mergeMentions((row?.mentions ?? []).filter((seq) => !isNew || seq <= (call.restored?.seq ?? 0)), call.mentions ?? [], read.seq),
    muted: row?.muted ?? false,
    // A new message brings a conversation back.
    archived: (row?.archived ?? false) && call.head_msg_no === row?.head_msg_no,
    mode: call.mode ?? row?.mode ?? "write",
  };
}

/** A settle that is made again moves no head, and brings what was read since it was made first. */
function readRow(row: InboxRecord | null, call: Settled, userSeq: number): InboxRecord | null {
  if (row === null || row.epoch !== call.epoch || row.left_at !== null) return null;
  const read = furthest({ seq: row.read_seq, msg_no: row.read_msg_no }, call);
  if (read.seq === row.read_seq) return null;
  return { ...row, read_seq: read.seq, read_msg_no: read.msg_no, mentions: mergeMentions(row.mentions, [], read.seq), user_seq: userSeq + 1 };
}

function furthest(known: { seq: number; msg_no: number }, { sent, read = null }: Settled): { seq: number; msg_no: number } {
  return [sent, read].reduce<{ seq: number; msg_no: number }>((most, given) => (given !== null && given.seq > most.seq ? given : most), known);
}

/** Of what was read in an older epoch counts what the conversation was restored with. */
function readBefore(row: InboxRecord | null, restored: { seq: number; msg_no: number } | null): { seq: number; msg_no: number } {
  const read = { seq: row?.read_seq ?? 0, msg_no: row?.read_msg_no ?? 0 };
  return restored !== null && read.seq > restored.seq ? { ...restored } : read;
}

/** The row as the list and `inbox` frames show it. */
export function toRow(row: InboxRecord): ConversationRow {
  const { conversation_id, kind, title, peer_id, epoch, settled_seq, head_msg_no, read_seq, read_msg_no, last_at, last_message, muted, archived, mode } = row;
  return {
    conversation_id, kind, title, peer_id, epoch, head_seq: settled_seq,
    // What is read further than it is settled is there: a device that has more counts on from it.
    head_msg_no: Math.max(head_msg_no, read_msg_no), read_seq,
    unread: Math.max(0, head_msg_no - read_msg_no), unread_mentions: row.mentions.length, last_message, last_at, muted, archived, mode,
    handle: handleOf(conversation_id), ...(row.left_at === null ? {} : { left: true as const }),
  };
}
