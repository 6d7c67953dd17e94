// Keeps every conversation's sequence whole. Pushed events are hints; what is missing is pulled by seq. The first
// connection reads the list of conversations: their heads are where this client begins.
import { decideBackoff, REPEAT } from "../domain/backoff.ts";
import type { Cursor, Head } from "../protocol/frames/sync.ts";
import { PAGE_MAX, RESUME_CURSORS } from "../protocol/limits.ts";
import type { ConversationRow } from "../protocol/frames/inbox.ts";
import type { ListAnswer, PageAnswer } from "./answers.ts";
import { Conversation, type ConversationViews } from "./conversation.ts";
import type { Environment } from "./environment.ts";
import { asConfabError, type ConfabError } from "./errors.ts";
import type { HistoryAsked } from "./history.ts";
import { PULL_PACE, type PullOutcome, Pulls } from "./pulls.ts";
import type { Applied, Slot } from "./timeline.ts";

export interface SyncPorts {
  page(conversation_id: string, asked: HistoryAsked, signal?: AbortSignal): Promise<PageAnswer>;
  list(cursor: string | null): Promise<ListAnswer>;
  /** A large group that nobody looks at: its events are read once somebody does. */
  isLazy(conversation_id: string): boolean;
  readonly views: ConversationViews;
  resume(frame: { type: "resume"; cursors: Record<string, Cursor>; user_seq: number }): void;
}

export interface SyncHandlers {
  /** Rows of the list, before any event of theirs. */
  listed(rows: readonly ConversationRow[]): void;
  /** New in the run, in order. */
  fresh(conversation: Conversation, slots: readonly Slot[]): void;
  /** Its events were dropped, and are read again from where they began. */
  restored(conversation: Conversation): void;
  /** Events of others came that are here already. */
  again(conversation: Conversation): void;
  /** Something else about it changed: older pages, how far reading is. */
  changed(conversation: Conversation): void;
  /** It does not exist for this user any more. */
  gone(conversation_id: string): void;
  /** A failure that is tried again or concerns no call of the application's. */
  failed(error: ConfabError): void;
}

export interface SyncTimes {
  /** How long events that are ahead wait for those before them to come by themselves, ms. */
  gap_grace_ms: number;
  /** How long a connection must last until what it resumed counts as told, ms. */
  told_ms: number;
}

export const SYNC_TIMES: SyncTimes = { gap_grace_ms: 300, told_ms: 10_000 };

/** More missing events than that are not worth reading one page after the other to come to the newest. */
const JUMP = 500;
/** Events kept while the list is read; what is beyond is pulled. */
const EARLY = 10_000;
/** Conversations that this user has left, remembered. */
const LEFT = 1_000;

export class Sync {
  readonly #environment: Environment;
  readonly #times: SyncTimes;
  readonly #keep_events: number;
  readonly #ports: SyncPorts;
  readonly #handlers: SyncHandlers;
  readonly #pulls: Pulls;
  /** The last active at the end. */
  readonly #conversations = new Map<string, Conversation>();
  /** How far those were known that this user has left: what was on its way then, or is told again, begins nothing. */
  readonly #left = new Map<string, Cursor>();
  #me = "";
  /** Events that a pull asks for at most. */
  #page = PAGE_MAX;
  #listing = false;
  #listed = false;
  #early: Slot[] = [];
  #user_seq = 0;
  #connected = false;
  /** Ends what is being pulled with the connection: where a socket died, a call beside it may hang. */
  #pulling = new AbortController();
  /** As the server greeted this connection. */
  #latest_user_seq = 0;
  /** Of this connection's resume. */
  #refusals = 0;
  #cancelTold: () => void = () => undefined;
  #cancelAgain: () => void = () => undefined;
  #cancelListing: () => void = () => undefined;

  constructor(environment: Environment, times: SyncTimes, keep_events: number, ports: SyncPorts, handlers: SyncHandlers) {
    this.#environment = environment;
    this.#times = times;
    this.#keep_events = keep_events;
    this.#ports = ports;
    this.#handlers = handlers;
    this.#pulls = new Pulls(environment, PULL_PACE, {
      run: (conversation_id) => this.#pull(conversation_id),
      failed: (conversation_id, error, retry_at) => this.#pullFailed(conversation_id, error, retry_at),
    });
  }

  /** The list of conversations was read. */
  get listed(): boolean {
    return this.#listed;
  }

  get(conversation_id: string): Conversation | null {
    return this.#conversations.get(conversation_id) ?? null;
  }

  /** @param history_page events that the server gives at once, where it says so */
  connected(me: string, user_seq: number, history_page = PAGE_MAX): void {
    this.#me = me;
    this.#page = history_page;
    this.#connected = true;
    this.#pulling = new AbortController();
    if (!this.#listed) {
      if (!this.#listing) void this.#list(user_seq, 0);
      return;
    }
    this.#refusals = 0;
    this.#latest_user_seq = user_seq;
    this.#resume();
    this.#pulls.kick();
  }

  /** The server can't take the resume, or a part of it, now: it is sent again, or what was missed would stay unknown. */
  refused(retry_after_ms: number | null): void {
    if (!this.#connected || !this.#listed) return;
    this.#cancelTold();
    this.#cancelAgain();
    const delay = REPEAT.base_ms + decideBackoff(this.#refusals++, this.#environment.random(), REPEAT);
    this.#cancelAgain = this.#environment.later(Math.max(retry_after_ms ?? 0, delay), () => this.#resume());
  }

  disconnected(): void {
    if (this.#connected) this.#pulling.abort();
    this.#connected = false;
    this.#cancelTold();
    this.#cancelAgain();
  }

  /** Events and acknowledged own messages of one conversation, as they come. */
  arrived(conversation_id: string, slots: readonly Slot[]): void {
    if (!this.#listed) {
      this.#early.push(...slots.slice(0, Math.max(0, EARLY - this.#early.length)));
      return;
    }
    const conversation = this.#conversations.get(conversation_id) ?? this.#meet(conversation_id, slots);
    if (conversation === null) return;
    const { epoch, seq } = conversation.cursor;
    const again = slots.some((slot) => slot.epoch === epoch && slot.seq <= seq && (slot.type === "skip" || slot.sender_id !== this.#me));
    if (again) this.#handlers.again(conversation);
    this.#applied(conversation, conversation.timeline.apply(slots), this.#times.gap_grace_ms);
  }

  /** Heads that the server named instead of pushing all events below them. */
  required(heads: readonly Head[]): void {
    // The list and the resume behind it bring these too.
    if (!this.#listed) return;
    for (const { conversation_id, epoch, head_seq } of heads) {
      const start = this.#startOf(conversation_id, epoch);
      const known = this.#conversations.get(conversation_id);
      if (known === undefined && head_seq <= start.seq) continue;
      const conversation = known ?? this.#begin(conversation_id, start);
      const restored = conversation.timeline.knowHead(epoch, head_seq);
      this.#applied(conversation, { fresh: [], restored }, 0);
    }
  }

  /** Somebody looks at it now. Of a large group that nobody looked at for long, what is between is left to older pages. */
  shown(conversation_id: string, wasLazy: boolean): void {
    const conversation = this.#conversations.get(conversation_id);
    if (conversation === undefined) return;
    if (wasLazy && conversation.missing > JUMP) {
      conversation.timeline.jump();
      conversation.restarted();
    }
    this.#applied(conversation, { fresh: [], restored: false }, 0);
  }

  drop(conversation_id: string): void {
    this.#pulls.drop(conversation_id);
    const conversation = this.#conversations.get(conversation_id);
    if (conversation === undefined) return;
    conversation.stop();
    this.#conversations.delete(conversation_id);
    this.#left.delete(conversation_id);
    this.#left.set(conversation_id, conversation.cursor);
    const [oldest] = this.#left.keys();
    if (this.#left.size > LEFT && oldest !== undefined) this.#left.delete(oldest);
    this.#handlers.gone(conversation_id);
  }

  stop(): void {
    this.#cancelTold();
    this.#cancelAgain();
    this.#cancelListing();
    this.#pulls.stop();
    for (const conversation of this.#conversations.values()) conversation.stop();
  }

  async #list(user_seq: number, attempt: number): Promise<void> {
    this.#listing = true;
    const rows: ConversationRow[] = [];
    try {
      let cursor: string | null = null;
      do {
        const list: ListAnswer = await this.#ports.list(cursor);
        rows.push(...list.conversations);
        cursor = list.next_cursor;
      } while (cursor !== null);
    } catch (thrown) {
      const error = asConfabError(thrown);
      if (error.code === "closed") return;
      this.#handlers.failed(error);
      const delay = Math.max(error.retry_after_ms ?? 0, REPEAT.base_ms + decideBackoff(attempt, this.#environment.random(), REPEAT));
      this.#cancelListing = this.#environment.later(delay, () => void this.#list(user_seq, attempt + 1));
      return;
    }
    this.#begun(rows, user_seq);
  }

  #begun(rows: readonly ConversationRow[], user_seq: number): void {
    const early = Map.groupBy(this.#early, (slot) => slot.conversation_id);
    this.#early = [];
    for (const { conversation_id, epoch, head_seq } of rows.toReversed()) {
      // What came while the list was read is new, although the list may count it already.
      const first = Math.min(...(early.get(conversation_id) ?? []).map((slot) => slot.seq));
      this.#begin(conversation_id, { epoch, seq: Math.min(head_seq, first - 1) });
    }
    this.#listed = true;
    this.#user_seq = user_seq;
    this.#latest_user_seq = user_seq;
    this.#handlers.listed(rows);
    for (const [conversation_id, slots] of early) this.arrived(conversation_id, slots);
    if (this.#connected) this.#resume();
  }

  #resume(): void {
    const known = [...this.#conversations.values()].slice(-RESUME_CURSORS);
    this.#ports.resume({
      type: "resume",
      cursors: Object.fromEntries(known.map((conversation) => [conversation.conversation_id, conversation.cursor])),
      user_seq: this.#user_seq,
    });
    // The server names what changed since user_seq only now: a cut before that must not skip it.
    const told = this.#latest_user_seq;
    this.#cancelTold();
    this.#cancelTold = this.#environment.later(this.#times.told_ms, () => (this.#user_seq = Math.max(this.#user_seq, told)));
  }

  /** Not in the list: all of it is new, from the beginning, or from where this user joined. null: it is nothing new of one that they have left. */
  #meet(conversation_id: string, slots: readonly Slot[]): Conversation | null {
    const start = this.#startOf(conversation_id, Math.max(...slots.map(({ epoch }) => epoch)));
    const fresh = slots.filter(({ epoch, seq }) => epoch === start.epoch && seq > start.seq);
    if (fresh.length === 0) return null;
    const joined = fresh.find((slot) => slot.type === "member_added" && slot.user_id === this.#me);
    return this.#begin(conversation_id, joined === undefined ? start : { ...start, seq: joined.seq - 1 });
  }

  /** Of a conversation that is not here. */
  #startOf(conversation_id: string, epoch: number): Cursor {
    const left = this.#left.get(conversation_id);
    return left?.epoch === epoch ? left : { epoch, seq: 0 };
  }

  #begin(conversation_id: string, start: Cursor): Conversation {
    const conversation = new Conversation(conversation_id, start, {
      environment: this.#environment,
      views: this.#ports.views,
      page: (id, asked) => this.#ports.page(id, asked),
      changed: (one) => this.#handlers.changed(one),
      read: (one, slots, as_of) => this.#applied(one, one.timeline.apply(slots, as_of), this.#times.gap_grace_ms),
    });
    this.#conversations.set(conversation_id, conversation);
    return conversation;
  }

  #applied(conversation: Conversation, { fresh, restored }: Applied, grace_ms: number): void {
    const { timeline, conversation_id } = conversation;
    if (restored) {
      conversation.restarted();
      this.#handlers.restored(conversation);
    }
    if (fresh.length > 0 && timeline.trim(this.#keep_events)) conversation.restarted();
    const { missing } = conversation;
    if (missing > 0 && !this.#ports.isLazy(conversation_id)) this.#pulls.want(conversation_id, grace_ms);
    // A failure stays until something comes.
    if (missing === 0) conversation.catchUp = { kind: "current" };
    else if (conversation.catchUp.kind !== "failed" || fresh.length > 0) conversation.catchUp = { kind: "reading", missing };
    if (fresh.length > 0 && this.#conversations.delete(conversation_id)) this.#conversations.set(conversation_id, conversation);
    if (fresh.length > 0) this.#handlers.fresh(conversation, fresh);
    else this.#handlers.changed(conversation);
    const left = fresh.findLast((slot) => (slot.type === "member_removed" || slot.type === "member_added") && slot.user_id === this.#me);
    if (left?.type !== "member_removed") return;
    // They may be back already: what is ahead is of another stay.
    const { ahead, cursor, head } = timeline;
    this.drop(conversation_id);
    if (ahead.length > 0) this.arrived(conversation_id, ahead);
    else if (head > cursor.seq) this.required([{ conversation_id, epoch: cursor.epoch, head_seq: head }]);
  }

  async #pull(conversation_id: string): Promise<PullOutcome> {
    const conversation = this.#conversations.get(conversation_id);
    const gap = conversation?.timeline.gap ?? null;
    if (conversation === undefined || gap === null) return "done";
    const limit = Math.min(this.#page, gap.before - gap.after - 1);
    const { head } = conversation.timeline;
    const page = await this.#ports.page(conversation_id, { after: gap.after, limit, order: "asc" }, this.#pulling.signal);
    const before = conversation.cursor.seq;
    this.#applied(conversation, conversation.timeline.pulled(gap.after, page.events, page.as_of_seq ?? head), 0);
    if (conversation.timeline.gap === null) return "done";
    return conversation.cursor.seq > before ? "more" : "stuck";
  }

  #pullFailed(conversation_id: string, error: ConfabError, retry_at: number | null): void {
    const conversation = this.#conversations.get(conversation_id);
    // On a slow line a large page may take longer than any answer may.
    if (error.code === "timeout") this.#page = Math.min(this.#page, PAGE_MAX);
    if (conversation === undefined || error.code === "closed" || error.code === "aborted") return;
    if (error.code === "not_found") {
      this.drop(conversation_id);
      return;
    }
    conversation.catchUp = { kind: "failed", error, retry_at };
    this.#handlers.changed(conversation);
    this.#handlers.failed(error);
  }
}
