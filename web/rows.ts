// What the message list shows, from events and unsettled messages: days, notes, and messages in blocks by sender. Pure.
import type { ChatEvent, ConfabError, Message, Sending, Slot } from "../client/client.ts";
import { dayName, dayNumber } from "./times.ts";

export interface MessageRow {
  kind: "message";
  key: string;
  sender_id: string;
  mine: boolean;
  /** First and last of a block: one sender, close in time. */
  first: boolean;
  last: boolean;
  content: string;
  content_type: string;
  at: number;
  /** null for messages of others. */
  state: "PENDING" | "SENT" | "FAILED" | null;
  error: ConfabError | null;
  /** null once it is an event. */
  sending: Sending | null;
}

export type Row = MessageRow | { kind: "day"; key: string; text: string } | { kind: "new"; key: string } | { kind: "note"; key: string; text: string };

export interface RowContext {
  me: string;
  now: number;
  /** The msg_no of the first unread message; messages from there on stand below a line. Infinity for none. */
  first_unread: number;
}

const BLOCK_MS = 5 * 60_000;

export function rowsOf(slots: readonly Slot[], sendings: readonly Sending[], context: RowContext): Row[] {
  const rows: Row[] = [];
  let day: number | null = null;
  const add = (row: Row, at: number, beginsNew = false): void => {
    const number = dayNumber(at);
    if (number !== day) rows.push({ kind: "day", key: `day-${number}`, text: dayName(at, context.now) });
    day = number;
    if (beginsNew) rows.push({ kind: "new", key: "new" });
    rows.push(row);
  };
  let isNew = false;
  for (const slot of slots) {
    if (slot.type === "msg") {
      const beginsNew: boolean = !isNew && slot.sender_id !== context.me && (slot.msg_no ?? 0) >= context.first_unread;
      isNew ||= beginsNew;
      add(messageRow(slot, context.me), slot.sent_at, beginsNew);
    } else if (slot.type !== "skip") {
      const text = noteOf(slot, context.me);
      if (text !== null) add({ kind: "note", key: keyOf(slot), text }, slot.sent_at);
    }
  }
  for (const sending of sendings) add(sendingRow(sending, context.me), sending.message.created_at);
  return withBlocks(rows);
}

/** One line for a list. */
export function previewOf(slot: Slot | undefined, me: string, isGroup: boolean): string | null {
  if (slot === undefined || slot.type === "skip") return null;
  if (slot.type !== "msg") return noteOf(slot, me);
  const who = slot.sender_id === me ? "You: " : isGroup ? `${isolated(slot.sender_id)}: ` : "";
  return who + slot.content.slice(0, 200);
}

function messageRow(event: Message, me: string): MessageRow {
  const { sender_id, content, content_type, sent_at } = event;
  const mine = sender_id === me;
  return { kind: "message", key: keyOf(event), sender_id, mine, first: true, last: true, content, content_type, at: sent_at, state: mine ? "SENT" : null, error: null, sending: null };
}

function sendingRow(sending: Sending, me: string): MessageRow {
  const { content, content_type, created_at, client_msg_id } = sending.message;
  return {
    kind: "message", key: `c${me}/${client_msg_id}`, sender_id: me, mine: true, first: true, last: true,
    content, content_type, at: sending.ack?.sent_at ?? created_at, state: sending.state, error: sending.error, sending,
  };
}

/** An own message keeps its key when it becomes an event, and so its place in the page. */
function keyOf({ client_msg_id, sender_id, epoch, seq }: ChatEvent): string {
  return client_msg_id === undefined ? `s${epoch}.${seq}` : `c${sender_id}/${client_msg_id}`;
}

function withBlocks(rows: Row[]): Row[] {
  rows.forEach((row, i) => {
    const next = rows[i + 1];
    if (row.kind !== "message" || next?.kind !== "message") return;
    if (next.sender_id !== row.sender_id || next.at - row.at > BLOCK_MS || row.state === "FAILED") return;
    row.last = false;
    next.first = false;
  });
  return rows;
}

function noteOf(event: ChatEvent, me: string): string | null {
  const who = (user_id: string) => (user_id === me ? "you" : isolated(user_id));
  const actor = event.sender_id === me ? "You" : isolated(event.sender_id);
  switch (event.type) {
    case "created":
      return event.kind === "group" ? `${actor} started the group ${isolated(event.title ?? "")}` : null;
    case "title":
      return `${actor} named the group ${isolated(event.title)}`;
    case "member_added":
      return `${actor} added ${who(event.user_id)}`;
    case "member_removed":
      return event.user_id === event.sender_id ? `${actor} left` : `${actor} removed ${who(event.user_id)}`;
    default:
      return null;
  }
}

/** A name between marks that keep its direction to itself. */
function isolated(name: string): string {
  return `\u2068${name}\u2069`;
}
