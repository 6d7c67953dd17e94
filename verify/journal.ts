// The checker's own log: everything it sent, every acknowledgement it got and every event it was shown, with the time of
// each. All verdicts are made from this and from nothing else. Times are ms of this process's monotonic clock.
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

/** All that is known of one message that was to be sent. */
export interface Sending {
  key: string;
  message: PlannedMessage;
  attempts: Attempt[];
  acks: Ack[];
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
}

export interface Sight {
  at: number;
  /** "v-1/phone #12" over a socket, "v-1 asc" and the like in a page. */
  by: string;
  user_id: string;
  event: Shown;
}

/** A whole history as one member read it; `events` in the order of the pages. */
export interface Reading {
  label: string;
  user_id: string;
  order: "asc" | "desc";
  events: Shown[];
}

export class Journal {
  readonly sendings = new Map<string, Sending>();
  readonly sights: Sight[] = [];
  readonly readings: Reading[] = [];
  /** ms that each device waited before it connected again. */
  readonly backoffs: number[] = [];
  /** How often each error code was answered. */
  readonly refusals = new Map<string, number>();
  deliveries = 0;
  readonly conversations = new Map<string, PlannedConversation>();
  private readonly idByLabel = new Map<string, string>();
  private readonly labelById = new Map<string, string>();
  private readonly heads = new Map<string, number>();
  private readonly pushed = new Set<string>();
  private readonly ackListeners = new Set<() => void>();
  private readonly sightListeners = new Set<(event: Shown) => void>();

  /** Registers what is to be sent; the same message again is the same entry. */
  sending(message: PlannedMessage): Sending {
    const key = keyOf(message.sender_id, message.client_msg_id);
    const known = this.sendings.get(key);
    if (known !== undefined) return known;
    const sending: Sending = { key, message, attempts: [], acks: [] };
    this.sendings.set(key, sending);
    this.conversations.set(message.conversation.label, message.conversation);
    return sending;
  }

  acked(sending: Sending, ack: Ack): void {
    sending.acks.push(ack);
    this.identify(sending.message.conversation, ack.conversation_id);
    this.reached(ack.conversation_id, ack.seq);
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

  created(conversation: PlannedConversation, conversationId: string): void {
    this.conversations.set(conversation.label, conversation);
    this.identify(conversation, conversationId);
    this.reached(conversationId, 1);
  }

  /** @param pushed over a socket: counts as a delivery, once for each device */
  shown(sight: Sight, pushed: string | null): void {
    // The text that was sent stands for the one that came, so that a long run does not keep each of them many times over.
    const sent = sight.event.client_msg_id === undefined ? undefined : this.sendings.get(keyOf(sight.event.sender_id, sight.event.client_msg_id))?.message.content;
    if (sent !== undefined && sent === sight.event.content) sight.event.content = sent;
    this.sights.push(sight);
    this.reached(sight.event.conversation_id, sight.event.seq);
    for (const listener of this.sightListeners) listener(sight.event);
    if (pushed === null) return;
    const once = `${pushed} ${sight.event.conversation_id} ${sight.event.seq}`;
    if (!this.pushed.has(once)) this.deliveries += 1;
    this.pushed.add(once);
  }

  idOf(label: string): string | undefined {
    return this.idByLabel.get(label);
  }

  labelOf(conversationId: string): string | undefined {
    return this.labelById.get(conversationId);
  }

  /** The last seq that is known to be committed; 0 for none. */
  headOf(conversationId: string): number {
    return this.heads.get(conversationId) ?? 0;
  }

  /** What must be in this user's list: everything of theirs that is known to exist. */
  conversationsOf(userId: string): { label: string; id: string }[] {
    return [...this.conversations.values()].flatMap(({ label, members }) => {
      const id = this.idByLabel.get(label);
      return id === undefined || !members.includes(userId) ? [] : [{ label, id }];
    });
  }

  get acks(): number {
    let count = 0;
    for (const { acks } of this.sendings.values()) count += acks.length;
    return count;
  }

  /** What happened to one message, a line for each thing. */
  story(sending: Sending): string[] {
    const { message, attempts, acks } = sending;
    const said = JSON.stringify(message.content.length > 60 ? `${message.content.slice(0, 60)}…` : message.content);
    return [
      `${sending.key} to ${message.conversation.label} (${this.idOf(message.conversation.label) ?? "no id yet"}): ${message.content_type} ${said}`,
      ...[
        ...attempts.map((attempt) => ({ at: attempt.at, line: `sent by ${attempt.by}${attempt.altered ? " with another body" : ""}${attempt.refused === null ? "" : `, refused: ${attempt.refused}`}` })),
        ...acks.map((ack) => ({ at: ack.at, line: `ack to ${ack.by}: seq ${ack.seq}, ${ack.msg_id}${ack.dup ? ", dup" : ""}` })),
      ].toSorted((a, b) => a.at - b.at).slice(0, 30).map(({ at, line }) => `${at.toFixed(1)} ms ${line}`),
    ];
  }

  private identify({ label }: PlannedConversation, conversationId: string): void {
    if (!this.idByLabel.has(label)) this.idByLabel.set(label, conversationId);
    if (!this.labelById.has(conversationId)) this.labelById.set(conversationId, label);
  }

  private reached(conversationId: string, seq: number): void {
    this.heads.set(conversationId, Math.max(seq, this.headOf(conversationId)));
  }
}

/** Neither id can hold a slash. */
export function keyOf(senderId: string, clientMsgId: string): string {
  return `${senderId}/${clientMsgId}`;
}
