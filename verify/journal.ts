// The checker's own log: what it sent, every acknowledgement, and what was seen where. All verdicts are made from this and from
// nothing else. Messages are kept in full for one window, from one barrier to the next; of older ones what decides remains, some
// tens of bytes each. Times are ms of this process's monotonic clock.
import { Changes } from "./changes.ts";
import { contentOf } from "./contents.ts";
import { Course } from "./course.ts";
import { Keys, type Place } from "./keys.ts";
import { Marks } from "./marks.ts";
import type { PlannedConversation, PlannedMessage } from "./plan.ts";

export interface Attempt {
  at: number;
  /** "v-1/phone #12", or "v-1 rest" */
  by: string;
  /** Position in one connection's frames; null over REST, where nothing says what comes first. */
  place: { connection: number; index: number } | null;
  /** Another body under the same key. */
  altered: boolean;
  /** Answered with an error: nothing is promised for it. */
  refused: string | null;
}

export interface Ack {
  at: number;
  by: string;
  conversation_id: string;
  epoch: number;
  msg_id: string;
  seq: number;
  sent_at: number;
  dup: boolean;
}

/** All that is known of one message that was to be sent in this window. */
export interface Sending {
  key: string;
  message: PlannedMessage;
  attempts: Attempt[];
  acks: Ack[];
  /** Where it stands since an earlier window: this one only sends it again. */
  old: Place | null;
  /** It came without the one before it in its device's count. */
  gap: boolean;
}

/** An event as somebody was shown it. */
export interface Shown {
  type: string;
  conversation_id: string;
  epoch: number;
  seq: number;
  msg_id: string;
  sender_id: string;
  sent_at: number;
  client_msg_id?: string;
  msg_no?: number;
  content?: string;
  content_type?: string;
  gap?: true;
  edited_at?: number;
  deleted_at?: number;
  /** Of changes of members. */
  user_id?: string;
  role?: string;
  members?: { user_id: string }[];
  /** Of edits, deletions and reactions. */
  target_msg_id?: string;
  target_seq?: number;
  on?: boolean;
}

const TARGETS = 10_000;

export class Journal {
  readonly seed: number;
  /** Of this window, by key. */
  readonly sendings = new Map<string, Sending>();
  readonly keys = new Keys();
  readonly changes = new Changes();
  readonly marks = new Marks();
  readonly conversations = new Map<string, PlannedConversation>();
  /** Members besides the planned ones, as the last acknowledged change of them says. By label. */
  readonly guests = new Map<string, Set<string>>();
  /** ms that each device waited before it connected again. */
  readonly backoffs: number[] = [];
  /** How often each error code was answered. */
  readonly refusals = new Map<string, number>();
  readonly counts = { messages: 0, changes: 0, acks: 0, deliveries: 0, histories: 0, events_read: 0 };
  /** Of messages that may still be changed: their msg_id, by key. */
  private targets = new Map<string, string>();
  private readonly courses = new Map<string, Course>();
  private readonly byLabel = new Map<string, Course>();
  private readonly ackListeners = new Set<() => void>();
  private readonly sightListeners = new Set<(event: Shown) => void>();

  constructor(seed: number) {
    this.seed = seed;
  }

  /** Registers what is to be sent; the same message again is the same entry. */
  sending(message: PlannedMessage): Sending {
    const key = keyOf(message.sender_id, message.client_msg_id);
    const known = this.sendings.get(key);
    if (known !== undefined) return known;
    const sending: Sending = { key, message, attempts: [], acks: [], old: this.keys.find(message.sender_id, message.client_msg_id), gap: false };
    this.sendings.set(key, sending);
    this.conversations.set(message.conversation.label, message.conversation);
    if (sending.old === null && message.target !== null && message.kind !== "react") this.changes.attempt(message.target, message.kind as "edit" | "delete", key, message.content);
    return sending;
  }

  acked(sending: Sending, ack: Ack): void {
    const { message, key, old } = sending;
    if (sending.acks.length === 0 && old === null) {
      if (message.kind === "msg") this.counts.messages += 1;
      else this.counts.changes += 1;
      if (message.target !== null && message.kind !== "react") this.changes.acknowledged(message.target, message.kind as "edit" | "delete", key, ack.seq);
    }
    this.counts.acks += 1;
    sending.acks.push(ack);
    this.identify(message.conversation, ack.conversation_id).reached(ack.seq);
    for (const listener of this.ackListeners) listener();
  }

  /** Calls back in the same turn as the acknowledgement comes. Returns what ends it. */
  onAck(listener: () => void): () => void {
    this.ackListeners.add(listener);
    return () => this.ackListeners.delete(listener);
  }

  /** Calls back in the same turn as an event comes. Returns what ends it. */
  onSight(listener: (event: Shown) => void): () => void {
    this.sightListeners.add(listener);
    return () => this.sightListeners.delete(listener);
  }

  saw(event: Shown): void {
    for (const listener of this.sightListeners) listener(event);
  }

  created(conversation: PlannedConversation, conversationId: string): void {
    this.conversations.set(conversation.label, conversation);
    this.identify(conversation, conversationId).reached(1);
  }

  course(conversationId: string): Course | undefined {
    return this.courses.get(conversationId);
  }

  courseOf(label: string): Course | undefined {
    return this.byLabel.get(label);
  }

  /** What was committed since it was last read. */
  withNews(): Course[] {
    return [...this.courses.values()].filter(({ head, tail }) => head > tail.seq);
  }

  idOf(label: string): string | undefined {
    return this.byLabel.get(label)?.id;
  }

  labelOf(conversationId: string): string | undefined {
    return this.courses.get(conversationId)?.label;
  }

  /** The last seq that is known to be committed; 0 for none. */
  headOf(conversationId: string): number {
    return this.courses.get(conversationId)?.head ?? 0;
  }

  isMember(label: string, userId: string): boolean {
    return this.conversations.get(label)?.members.includes(userId) === true || this.guests.get(label)?.has(userId) === true;
  }

  /** What must be in this user's list: everything of theirs that is known to exist. */
  conversationsOf(userId: string): { label: string; id: string }[] {
    return [...this.byLabel.values()].filter(({ label }) => this.isMember(label, userId)).map(({ label, id }) => ({ label, id }));
  }

  /** What was sent under this key; null: nothing. */
  sentAs(senderId: string, clientMsgId: string): { label: string; content: string; content_type: string; kind: string } | null {
    const key = keyOf(senderId, clientMsgId);
    const recent = this.sendings.get(key)?.message;
    if (recent !== undefined) return { label: recent.conversation.label, content: recent.content, content_type: recent.content_type, kind: recent.kind };
    const place = this.keys.find(senderId, clientMsgId);
    return place === null ? null : { label: place.label, ...contentOf(this.seed, key), kind: "old" };
  }

  /** null: not acknowledged yet, or too long ago. */
  targetOf(key: string): string | null {
    return this.sendings.get(key)?.acks[0]?.msg_id ?? this.targets.get(key) ?? null;
  }

  /** The window ends: every message of it stands in its place now. */
  close(): void {
    if (this.targets.size > TARGETS) this.targets = new Map();
    for (const { key, message, acks, old } of this.sendings.values()) {
      const [ack] = acks;
      if (ack === undefined || old !== null) continue;
      this.targets.set(key, ack.msg_id);
      this.keys.remember(message.sender_id, message.client_msg_id, { label: message.conversation.label, seq: ack.seq });
    }
    this.sendings.clear();
    for (const course of this.courses.values()) course.settled = course.head;
  }

  /** What happened to one message, a line for each thing. */
  story(sending: Sending): string[] {
    const { message, attempts, acks, old } = sending;
    const said = JSON.stringify(message.content.length > 60 ? `${message.content.slice(0, 60)}…` : message.content);
    return [
      `${sending.key} to ${message.conversation.label} (${this.idOf(message.conversation.label) ?? "no id yet"}): ${message.kind} ${message.content_type} ${said}`,
      ...(old === null ? [] : [`it stands at seq ${old.seq} since an earlier window`]),
      ...[
        ...attempts.map((attempt) => ({ at: attempt.at, line: `sent by ${attempt.by}${attempt.altered ? " with another body" : ""}${attempt.refused === null ? "" : `, refused: ${attempt.refused}`}` })),
        ...acks.map((ack) => ({ at: ack.at, line: `ack to ${ack.by}: seq ${ack.seq}, ${ack.msg_id}${ack.dup ? ", dup" : ""}` })),
      ].toSorted((a, b) => a.at - b.at).slice(0, 30).map(({ at, line }) => `${at.toFixed(1)} ms ${line}`),
    ];
  }

  private identify({ label }: PlannedConversation, conversationId: string): Course {
    const known = this.byLabel.get(label);
    if (known !== undefined) return this.courses.get(conversationId) ?? known;
    const course = new Course(label, conversationId);
    this.byLabel.set(label, course);
    this.courses.set(conversationId, course);
    return course;
  }
}

/** Neither id can hold a slash. */
export function keyOf(senderId: string, clientMsgId: string): string {
  return `${senderId}/${clientMsgId}`;
}
