// Fan-out: brings every event to every member's session. The event rows are the outbox; pushing is a hint, settling is the
// promise. Idle, an append settles everybody at once. Busy, it is pushed to live sessions only, and the alarm settles.
// One call under way per session, and one round for all sessions that are behind, so that events coalesce while calls fly.
import { planOwed } from "../../domain/delivery.ts";
import { type Stay, visibleRange } from "../../domain/membership.ts";
import { RETRY_MAX_MS, retryDelay } from "../../domain/retry.ts";
import { RESUME_EVENTS } from "../../protocol/limits.ts";
import { directPair } from "../../protocol/ids.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import type { DeliverCall, DeliverReply } from "../../protocol/rpc.ts";
import type { Settled } from "../../protocol/rpc/inbox.ts";
import type { Settings } from "../../protocol/settings.ts";
import { count } from "../platform/metrics.ts";
import type { Attached } from "./attached.ts";
import { Batches } from "./batches.ts";
import { Gate } from "../platform/gate.ts";
import { Newest } from "./newest.ts";
import type { LaggingRecord, NewEvent } from "./records.ts";
import { LiveSessions } from "./live.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";

/** A call that takes longer than this no longer holds up the round, nor its place in the width. */
const SLOW_MS = 25;
/** Events of one push to a live session. A session that is further behind gets the next ones with the next call. */
const LIVE_EVENTS = 400;

export interface FanoutPorts {
  deliver(userId: string, call: DeliverCall): Promise<DeliverReply>;
  settings(): Settings;
  now(): number;
  /** Arms the alarm for what waits. */
  arm(): void;
  failed(userId: string, error: unknown): void;
  /** What a settle brings along of the recipient's receipts. */
  readBy(stay: Stay): DeliverCall["sent"];
  /** A live session took the events up to here. */
  pushed(stay: Stay, seq: number): void;
}

export class Fanout {
  readonly live: LiveSessions;
  private readonly flying = new Map<string, Promise<void>>();
  private readonly batches: Batches;
  private readonly gate: Gate;
  private readonly newest: Newest;
  private readonly store: ConversationStore;
  private readonly state: ConversationState;
  private readonly attached: Attached;
  private readonly ports: FanoutPorts;
  private readonly joined = new WeakMap<Stay, DeliverCall["sent"]>();
  private described: ReturnType<Fanout["about"]> | null = null;
  private pumping = false;
  private settling: Promise<void> | null = null;
  /** The head of the round under way, or of the last one. */
  private settlingTo = 0;
  private settledAt = 0;
  /** Wall clock ms since when events wait to be settled; logical clocks may run ahead of it. */
  private waitingSince: number;
  private lagging: LaggingRecord[];

  constructor(store: ConversationStore, state: ConversationState, attached: Attached, ports: FanoutPorts) {
    this.store = store;
    this.state = state;
    this.attached = attached;
    this.ports = ports;
    this.live = new LiveSessions(() => ports.now());
    this.batches = new Batches(store, { conversation_id: state.record.conversation_id, epoch: state.record.epoch });
    this.gate = new Gate(() => ports.settings(), SLOW_MS);
    this.newest = new Newest(store, state.record);
    this.lagging = store.readLagging();
    this.waitingSince = ports.now();
  }

  get owed(): number {
    return this.lagging.length;
  }

  /**
   * Right after a commit, in the same turn: the alarm becomes durable with the events.
   * @param urgent the events change who the members are, so everybody must hear now
   */
  committed(events: readonly NewEvent[], alone: string | null, urgent: boolean): void {
    this.batches.remember(events.map((event) => ({ ...event, content_hash: null })));
    const first = events[0] as NewEvent;
    const now = this.ports.now();
    const settled = this.state.marks.fanout_seq === first.seq - 1;
    const idle = settled && now - this.settledAt >= this.ports.settings().settle_after_ms;
    if (settled) this.waitingSince = now;
    // A sole socket has its acknowledgement: pushing to its own session would reach nobody.
    const sender = alone === null ? undefined : this.live.get(alone);
    if (sender !== undefined && sender.sent_seq === first.seq - 1) sender.sent_seq = this.state.head.seq;
    if (urgent) this.attached.retain((userId) => this.state.members.has(userId));
    this.ports.arm();
    if (idle || urgent) this.start(this.settle());
    else this.pump();
  }

  /** Right after the commit that took the content of these events. */
  forget(seqs: readonly number[]): void {
    this.batches.forget(seqs);
    this.newest.forget();
  }

  /** ms when everybody must be settled; null while nothing waits. */
  settleDue(): number | null {
    if (this.state.marks.fanout_seq >= this.state.head.seq) return null;
    // A clock that was set back must not put it off.
    this.waitingSince = Math.min(this.waitingSince, this.ports.now());
    return this.waitingSince + this.ports.settings().settle_after_ms;
  }

  laggingDue(): number | null {
    const now = this.ports.now();
    return this.lagging.length === 0 ? null : Math.min(...this.lagging.map((row) => (row.due_at > now + RETRY_MAX_MS ? now : row.due_at)));
  }

  /** Resolves when no delivery to this user is under way. */
  async landed(userId: string): Promise<void> {
    await this.flying.get(userId);
  }

  /** Pushes the newest of what is behind `delivered` again. False: nobody is there any more. */
  async again(stay: Stay, delivered: number): Promise<boolean> {
    while (this.flying.has(stay.user_id)) await this.flying.get(stay.user_id);
    const head = this.live.get(stay.user_id)?.sent_seq ?? this.state.head.seq;
    await this.call(stay, Math.max(delivered, head - RESUME_EVENTS) + 1, head, { settle: false, sent: null });
    return this.live.has(stay.user_id);
  }

  /** Is a settle up to this seq still to begin? */
  settles(seq: number): boolean {
    return seq > Math.max(this.state.marks.fanout_seq, this.settlingTo);
  }

  /** Settles everybody to the head. */
  async settle(): Promise<void> {
    await this.alone(() => (this.state.marks.fanout_seq >= this.state.head.seq ? Promise.resolve() : this.settleRound()));
    this.pump();
  }

  /** One round at a time: what one finds out about a member, another must not undo. */
  private async alone(round: () => Promise<void>): Promise<void> {
    while (this.settling !== null) await this.settling;
    this.settling = round().finally(() => {
      this.settling = null;
    });
    await this.settling;
  }

  private async settleRound(): Promise<void> {
    const { fanout_seq } = this.state.marks;
    const head = this.state.head.seq;
    this.settlingTo = head;
    // What comes in from here on waits since now: counted from what this round settles, the next round would follow at once.
    this.waitingSince = this.ports.now();
    const stays = [...this.state.members.values(), ...this.store.readDeparted(fanout_seq).filter((stay) => !this.state.members.has(stay.user_id))];
    const sent = this.store.readNewestSent(fanout_seq + 1, head);
    const failed: LaggingRecord[] = [];
    const settled: string[] = [];
    await Promise.all(stays.map(async (stay) => {
      const behind = this.lagging.find((row) => row.user_id === stay.user_id);
      const from = behind?.owed_from ?? fanout_seq + 1;
      const ok = await this.settleOne(stay, from, head, sent.get(stay.user_id) ?? null);
      if (!ok) failed.push(this.owing(stay.user_id, from, (behind?.attempts ?? 0) + 1));
      else if (behind !== undefined) settled.push(stay.user_id);
    }));
    count("settles");
    this.commit(head, failed, settled);
  }

  /** Tries again with those whose settle failed. */
  async settleLagging(now: number): Promise<void> {
    await this.alone(() => this.laggingRound(now));
  }

  private async laggingRound(now: number): Promise<void> {
    const due = this.lagging.filter((row) => row.due_at <= now || row.due_at > now + RETRY_MAX_MS).slice(0, 100);
    const failed: LaggingRecord[] = [];
    const settled: string[] = [];
    await Promise.all(due.map(async (row) => {
      const stay = this.store.readStay(row.user_id);
      const head = this.state.marks.fanout_seq;
      const sent = this.store.readNewestSent(row.owed_from, head).get(row.user_id) ?? null;
      const ok = stay === null || (await this.settleOne(stay, row.owed_from, head, sent));
      if (ok) settled.push(row.user_id);
      else failed.push(this.owing(row.user_id, row.owed_from, row.attempts + 1));
    }));
    this.commit(this.state.marks.fanout_seq, failed, settled);
  }

  private commit(fanoutSeq: number, failed: LaggingRecord[], settled: string[]): void {
    this.store.commitSettled(fanoutSeq, this.state.tally(), failed, settled);
    this.state.marks.fanout_seq = fanoutSeq;
    this.settledAt = this.ports.now();
    this.attached.save(this.ports.now());
    this.lagging = this.store.readLagging();
    this.ports.arm();
  }

  private owing(userId: string, owedFrom: number, attempts: number): LaggingRecord {
    return { user_id: userId, owed_from: owedFrom, due_at: this.ports.now() + retryDelay(attempts, Math.random()), attempts };
  }

  private async settleOne(stay: Stay, from: number, head: number, sent: DeliverCall["sent"]): Promise<boolean> {
    while (this.flying.has(stay.user_id)) await this.flying.get(stay.user_id);
    const behind = (this.live.get(stay.user_id)?.sent_seq ?? 0) + 1;
    return this.call(stay, Math.max(from, behind), head, { settle: true, ...this.settlement(stay, from, head, sent) });
  }

  /** The settle that a member would get now, of what is above `settledSeq`. */
  peek(stay: Stay, settledSeq: number): Settled {
    const head = this.state.head.seq;
    const sent = this.store.readNewestSent(settledSeq + 1, head).get(stay.user_id) ?? null;
    return { ...this.about(head), ...this.settlement(stay, settledSeq + 1, head, sent), left: false };
  }

  /** What a settle says to one member alone. */
  private settlement(stay: Stay, from: number, head: number, sent: DeliverCall["sent"]): Pick<DeliverCall, "sent" | "read" | "last" | "mentions"> {
    const joined = this.beforeJoining(stay);
    return {
      sent: (sent?.seq ?? 0) > (joined?.seq ?? 0) ? sent : joined,
      read: this.ports.readBy(stay),
      last: this.newest.messageFor(stay, Math.min(head, stay.left_seq ?? head)),
      mentions: this.newest.mentionsOf(stay, from, head),
    };
  }

  /** What was there before somebody joined is nothing that they have not read; null: they joined at the start. */
  private beforeJoining(stay: Stay): DeliverCall["sent"] {
    if (stay.joined_seq === 1) return null;
    const known = this.joined.get(stay) ?? { seq: stay.joined_seq, msg_no: this.store.readEvent(stay.joined_seq)?.msg_no ?? 0 };
    this.joined.set(stay, known);
    return known;
  }

  /** Pushes to live sessions until none is behind. */
  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    this.start(this.rounds());
  }

  private async rounds(): Promise<void> {
    try {
      for (let calls = this.round(); calls.length > 0; calls = this.round()) await this.gate.patiently(Promise.all(calls));
    } finally {
      // In the turn that found nobody behind: whoever falls behind a moment later must find the pump free.
      this.pumping = false;
    }
  }

  private round(): Promise<boolean>[] {
    const head = this.state.head.seq;
    const calls: Promise<boolean>[] = [];
    for (const [userId, member] of this.live) {
      if (member.sent_seq >= head || this.flying.has(userId)) continue;
      const stay = this.state.members.get(userId);
      if (stay === undefined) this.live.forget(userId);
      else calls.push(this.call(stay, member.sent_seq + 1, Math.min(head, member.sent_seq + LIVE_EVENTS), { settle: false, sent: null }));
    }
    return calls;
  }

  /** One call under way per session; its reply says whether the session is live. False: the outcome is unknown. */
  private async call(stay: Stay, from: number, head: number, how: Pick<DeliverCall, "settle" | "sent" | "read" | "last" | "mentions">): Promise<boolean> {
    const owed = planOwed(stay, from, head, this.live.has(stay.user_id) ? LIVE_EVENTS : RESUME_EVENTS);
    if (owed === null) return true;
    const done = Promise.withResolvers<void>();
    this.flying.set(stay.user_id, done.promise);
    try {
      const batch = this.batches.forRecipient(stay.user_id, owed.events, visibleRange(stay, this.state.record.history).from, this.live.get(stay.user_id)?.pb === true);
      const reply = await this.gate.through(() => this.deliver(stay.user_id, {
        ...this.about(owed.head), ...batch, ...how, left: owed.left,
      }));
      // Who was removed meanwhile is not to be told of anything, whatever their session says.
      if (this.state.members.has(stay.user_id)) this.attached.answered(stay.user_id, reply, false);
      this.live.answered(stay.user_id, reply, owed.head);
      // Of what they sent themselves no device will say that it came.
      const newest = batch.own.length > 0 ? Math.max(...batch.own.map(({ events }) => events?.to_seq ?? 0)) : (batch.events?.to_seq ?? 0);
      if (newest > 0 && this.live.has(stay.user_id)) this.ports.pushed(stay, newest);
      const sentEvents = batch.events === null ? 0 : batch.events.to_seq - batch.events.from_seq + 1;
      this.state.counters.deliveries += sentEvents;
      count("delivered_events", sentEvents);
      return true;
    } catch (error) {
      // The settle that follows covers what this call may not have brought.
      this.live.forget(stay.user_id);
      count("delivery_failures");
      this.ports.failed(stay.user_id, error);
      return false;
    } finally {
      this.flying.delete(stay.user_id);
      done.resolve();
      if ((this.live.get(stay.user_id)?.sent_seq ?? this.state.head.seq) < this.state.head.seq) this.pump();
    }
  }

  private deliver(userId: string, call: DeliverCall): Promise<DeliverReply> {
    this.state.counters.delivery_calls += 1;
    count("delivery_calls");
    return this.ports.deliver(userId, call);
  }

  private about(head: number): Pick<DeliverCall, "conversation_id" | "kind" | "title" | "pair" | "epoch" | "head_seq" | "head_msg_no" | "head_at"> {
    if (this.described?.head_seq === head) return this.described;
    const { record, members } = this.state;
    const newest = head === this.state.head.seq ? null : this.store.readEvent(head);
    const users = [...members.keys()];
    this.described = {
      conversation_id: record.conversation_id, kind: record.kind, title: record.title, epoch: record.epoch,
      pair: record.kind === "direct" ? directPair(users[0] as string, users[1] ?? (users[0] as string)) : null,
      head_seq: head,
      head_msg_no: newest?.msg_no ?? this.state.head.msg_no,
      head_at: newest === null ? Math.floor(this.state.head.clock / 1_000) : sentAtOf(newest.msg_id),
    };
    return this.described;
  }

  /** A round is nobody's to wait for: what it can't do, the alarm does. */
  private start(work: Promise<void>): void {
    work.catch((error: unknown) => this.ports.failed("", error));
  }
}
