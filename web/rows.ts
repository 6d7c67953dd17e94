// What the message list shows, from events and unsettled messages: days, notes, and messages in blocks by sender. Pure.
import { type ChatEvent, type ConfabError, type ConversationRow, type Media, mediaOf, type Message, type MessageStatus, type Sending, type Slot, withPending } from "../client/client.ts";
import { briefOf, kindWord } from "./media/words.ts";
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
  /** What is known of its file; null where it has none. */
  media: Media | null;
  at: number;
  /** null for messages of others. */
  state: "PENDING" | "SENT" | "DELIVERED" | "READ" | "FAILED" | null;
  /** How far a group has it; null elsewhere. */
  counts: MessageStatus | null;
  /** null until it is an event. */
  message: Message | null;
  edited: boolean;
  deleted: boolean;
  reactions: readonly ReactionRow[];
  /** The message that this one answers; null for none. */
  quote: Quote | null;
  replies: number;
  /** It is addressed to the reader. */
  mentionsMe: boolean;
  error: ConfabError | null;
  /** null once it is an event. */
  sending: Sending | null;
}

export interface ReactionRow {
  emoji: string;
  count: number;
  mine: boolean;
  users: readonly string[];
}

export interface Quote {
  msg_id: string;
  /** null where the message is not here. */
  sender_id: string | null;
  text: string;
}

export type Row = MessageRow | { kind: "day"; key: string; text: string } | { kind: "new"; key: string } | { kind: "note"; key: string; text: string };

export interface RowContext {
  me: string;
  now: number;
  /** The msg_no of the first unread message; messages from there on stand below a line. Infinity for none. */
  first_unread: number;
  statusOf: (message: Message) => MessageStatus;
  /** null where it is not here. */
  messageOf: (msg_id: string) => Message | null;
}

const BLOCK_MS = 5 * 60_000;

/** @param sendings own messages and changes that are not events yet */
export function rowsOf(slots: readonly Slot[], sendings: readonly Sending[], context: RowContext): Row[] {
  const changes = sendings.filter(({ isMessage, state }) => !isMessage && state === "PENDING").map(({ message }) => message);
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
      add(messageRow(withPending(slot, changes, context.me), context), slot.sent_at, beginsNew);
    } else if (slot.type !== "skip") {
      const text = noteOf(slot, context.me);
      if (text !== null) add({ kind: "note", key: keyOf(slot), text }, slot.sent_at);
    }
  }
  for (const sending of sendings) if (sending.isMessage) add(sendingRow(sending, context), sending.message.created_at);
  return withBlocks(rows);
}

/** The newest message in one line, for a list; null where there is none. */
export function previewOf({ last_message: last, kind }: ConversationRow, me: string): string | null {
  if (last === null) return null;
  const who = last.sender_id === me ? "You: " : kind === "group" ? `${isolated(last.sender_id)}: ` : "";
  return who + (last.deleted === true ? "Deleted message" : last.preview === "" ? kindWord(last.content_type) : (last.preview ?? "Encrypted message"));
}

/** What a quote shows of a message. */
export function quoteOf(msg_id: string, message: Message | null): Quote {
  if (message === null) return { msg_id, sender_id: null, text: "An earlier message" };
  return { msg_id, sender_id: message.sender_id, text: message.deleted_at === undefined ? briefOf(message).slice(0, 200) : "Deleted message" };
}

function messageRow(event: Message, { me, statusOf, messageOf }: RowContext): MessageRow {
  const { sender_id, content, content_type, sent_at, reactions = [], reply_to, replies = 0, mentions = [] } = event;
  const mine = sender_id === me;
  const status = mine ? statusOf(event) : null;
  return {
    kind: "message", key: keyOf(event), sender_id, mine, first: true, last: true, content, content_type, media: mediaOf(event), at: sent_at,
    state: status?.status ?? null, counts: status !== null && (status.total ?? 0) > 1 ? status : null, message: event, error: null, sending: null,
    edited: event.edited_at !== undefined, deleted: event.deleted_at !== undefined, replies, mentionsMe: mentions.includes(me),
    reactions: reactions.map(({ emoji, count, users }) => ({ emoji, count, users, mine: users.includes(me) })),
    quote: reply_to === undefined ? null : quoteOf(reply_to, messageOf(reply_to)),
  };
}

function sendingRow(sending: Sending, { me, messageOf }: RowContext): MessageRow {
  const { content, content_type, created_at, reply_to } = sending.message;
  return {
    kind: "message", key: keyOfSending(sending, me), sender_id: me, mine: true, first: true, last: true,
    media: mediaOfSending(sending),
    content, content_type, at: sending.ack?.sent_at ?? created_at, state: sending.state, error: sending.error, sending,
    counts: null, message: null, edited: false, deleted: false, reactions: [], replies: 0, mentionsMe: false,
    quote: reply_to === undefined ? null : quoteOf(reply_to, messageOf(reply_to)),
  };
}

function mediaOfSending({ message: { media_key, media = {}, upload } }: Sending): Media | null {
  if (upload === undefined) return media_key === undefined ? null : media;
  return { ...media, content_type: upload.content_type, size: upload.size };
}

/** The key of its row. */
export function keyOfSending({ client_msg_id }: Sending, me: string): string {
  return `c${me}/${client_msg_id}`;
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
  const whom = (user_id: string) => (user_id === me ? "You are" : `${isolated(user_id)} is`);
  switch (event.type) {
    case "created":
      return event.kind === "group" ? `${actor} started the group ${isolated(event.title ?? "")}` : null;
    case "title":
      return `${actor} named the group ${isolated(event.title)}`;
    case "member_added":
      return `${actor} added ${who(event.user_id)}`;
    case "member_removed":
      return event.user_id === event.sender_id ? `${actor} left` : `${actor} removed ${who(event.user_id)}`;
    case "member_role":
      return event.role === "owner" ? `${whom(event.user_id)} now the owner` : event.role === "admin" ? `${actor} made ${who(event.user_id)} an admin` : `${actor} made ${who(event.user_id)} a member`;
    default:
      return null;
  }
}

/** A name between marks that keep its direction to itself. */
function isolated(name: string): string {
  return `\u2068${name}\u2069`;
}
