// A chat in memory with the protocol's rules, for driving the client: order, dedup, history by seq. No limits, no storage.
import { createHash, randomUUID } from "node:crypto";
import { directPairBytes } from "../../protocol/ids.ts";
import { msgIdAt } from "../../protocol/msg-id.ts";
import type { ConversationRow } from "../../protocol/frames/inbox.ts";
import type { ConversationDetail } from "../../protocol/rest.ts";

export interface FakeEvent {
  type: "msg" | "created" | "skip";
  conversation_id: string;
  epoch: number;
  seq: number;
  sender_id: string;
  sent_at: number;
  client_msg_id?: string;
  [field: string]: unknown;
}

export interface FakeConversation {
  conversation_id: string;
  kind: "direct" | "group";
  title: string | null;
  members: string[];
  epoch: number;
  events: FakeEvent[];
}

export class FakeChat {
  readonly conversations = new Map<string, FakeConversation>();
  #clock = Date.UTC(2026, 10, 1) * 1_000;

  direct(a: string, b: string): FakeConversation {
    const conversation_id = `d.${createHash("sha256").update(directPairBytes(a, b)).digest("hex")}`;
    return this.#keep({ conversation_id, kind: "direct", title: null, members: [a, b], epoch: 1, events: [] });
  }

  group(title: string, members: string[]): FakeConversation {
    const conversation_id = `g.${randomUUID().replaceAll("-", "")}`;
    const made = this.#keep({ conversation_id, kind: "group", title, members, epoch: 1, events: [] });
    const roles = members.map((user_id, i) => ({ user_id, role: i === 0 ? "owner" : "member" }));
    this.#append(made, "created", members[0] as string, { kind: "group", title, members: roles, max_members: 500, location_hint: null, jurisdiction: null });
    return made;
  }

  /** The event, and whether it was there already. */
  message(conversation: FakeConversation, sender_id: string, content: string, client_msg_id: string = randomUUID(), more: object = {}): { event: FakeEvent; dup: boolean } {
    const prior = conversation.events.find((event) => event.sender_id === sender_id && event.client_msg_id === client_msg_id);
    if (prior !== undefined) return { event: prior, dup: true };
    const msg_no = conversation.events.filter((event) => event.type === "msg").length + 1;
    return { event: this.#append(conversation, "msg", sender_id, { client_msg_id, msg_no, content, content_type: "text", ...more }), dup: false };
  }

  history(conversation: FakeConversation, query: URLSearchParams): { events: FakeEvent[]; next_cursor: string | null } {
    const limit = Number(query.get("limit") ?? 50);
    const ascending = query.has("after") || query.get("order") === "asc";
    const to = query.get("to");
    const inRange = conversation.events.filter((event) => event.seq > Number(query.get("after") ?? 0) && (to === null || event.sent_at < Number(to)));
    const ordered = ascending ? inRange : inRange.toReversed();
    const start = Number(query.get("cursor") ?? 0);
    const next = start + limit;
    return { events: ordered.slice(start, next), next_cursor: next < ordered.length ? String(next) : null };
  }

  row({ conversation_id, kind, title, members, epoch, events }: FakeConversation, user_id: string): ConversationRow {
    const head_msg_no = events.filter((event) => event.type === "msg").length;
    return {
      conversation_id, kind, title, epoch, head_msg_no,
      peer_id: kind === "direct" ? (members.find((member) => member !== user_id) ?? user_id) : null,
      head_seq: events.length,
      read_seq: 0,
      unread: head_msg_no,
      last_at: events.at(-1)?.sent_at ?? 0,
      unread_mentions: 0, last_message: null, muted: false, archived: false, mode: "write",
      handle: createHash("sha256").update(conversation_id).digest("hex").slice(0, 16),
    };
  }

  detail({ conversation_id, kind, title, members, epoch, events }: FakeConversation): ConversationDetail {
    return {
      conversation_id, kind, title, epoch, head_seq: events.length, head_msg_no: 0, created_at: 0, max_members: 500, location_hint: null, jurisdiction: null, encryption: "none", history: "joined",
      members: members.map((user_id) => ({ user_id, role: "member", joined_seq: 1 })),
    };
  }

  /** As after a restore: the same events in a new epoch. */
  restore(conversation: FakeConversation): void {
    conversation.epoch++;
    conversation.events = conversation.events.map((event) => ({ ...event, epoch: conversation.epoch }));
  }

  #keep(made: FakeConversation): FakeConversation {
    const known = this.conversations.get(made.conversation_id) ?? made;
    this.conversations.set(known.conversation_id, known);
    return known;
  }

  #append(conversation: FakeConversation, type: FakeEvent["type"], sender_id: string, body: object): FakeEvent {
    this.#clock += 1_000;
    const { conversation_id, epoch, events } = conversation;
    const msg_id = msgIdAt(this.#clock, new Uint8Array(8));
    const event: FakeEvent = { type, conversation_id, epoch, seq: events.length + 1, msg_id, sender_id, sent_at: Math.floor(this.#clock / 1_000), ...body };
    events.push(event);
    return event;
  }
}
