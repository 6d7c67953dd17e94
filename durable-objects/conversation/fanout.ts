// Fan-out: brings every event to every member's session. The event rows are the outbox; pushing is a hint, settling is the
// promise. Idle, an append settles everybody at once. Busy, it is pushed to live sessions only, and the alarm settles (rounds.ts).
// One call under way per session, and one round for all sessions that are behind, so that events coalesce while calls fly. While
// it is busy, live sessions have lines (lines.ts), over which a round is written at once; the next one waits until that is out.
import { planOwed } from "../../domain/delivery.ts";
import { type Stay, visibleRange } from "../../domain/membership.ts";
import { RESUME_EVENTS } from "../../protocol/limits.ts";
import { directPair } from "../../protocol/ids.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import type { AttachCall, DeliverCall, DeliverReply, ViewCall } from "../../protocol/rpc.ts";
import type { KnownHead } from "../../protocol/restore-calls.ts";
import type { PushCall, Settled } from "../../protocol/rpc/inbox.ts";
import type { Settings } from "../../protocol/settings.ts";
import { handleOf } from "../platform/hash.ts";
import { count } from "../platform/metrics.ts";
import type { Attached } from "./attached.ts";
import { type Batch, Batches } from "./batches.ts";
import { Gate } from "../platform/gate.ts";
import { Modes } from "./modes.ts";
import { Newest } from "./newest.ts";
import { offerPushes } from "./offers.ts";
import type { NewEvent } from "./records.ts";
import { LinePushes } from "./line-pushes.ts";
import type { LinesPorts } from "./lines.ts";
import { type LiveMember, LiveSessions } from "./live.ts";
import { LOOK_BACK, Rounds } from "./rounds.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";
import { readMsgNo, readOffered } from "./store/inbox.ts";
import { RestoreStore } from "./store/restores.ts";
import { ModesStore } from "./store/modes.ts";

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
  /** To a session that is not told: something that its user may have to hear of. */
  push(userId: string, call: PushCall): Promise<void>;
  /** A live session took the events up to here. */
  pushed(stay: Stay, seq: number): void;
  /** A session's inbox has more of this conversation than it was settled with. */
  known?(known: KnownHead): void;
  line: Pick<LinesPorts, "connect" | "every">;
  /** Resolves once what is under way in this turn of the event loop is done. */
  turn(): Promise<void>;
}

export class Fanout {
  readonly live: LiveSessions;
  private readonly flying = new Map<string, Promise<void>>();
  private readonly batches: Batches;
  private readonly gate: Gate;
  private readonly newest: Newest;
  private readonly modes: Modes;
  readonly rounds: Rounds;
  private readonly store: ConversationStore;
  private readonly state: ConversationState;
  private readonly attached: Attached;
  private readonly ports: FanoutPorts;
  private readonly joined = new WeakMap<Stay, DeliverCall["sent"]>();
  private readonly handle: string;
  private readonly over: LinePushes;
  private described: ReturnType<Fanout["about"]> | null = null;
  private pumping = false;
  private readonly restored: NonNullable<DeliverCall["restored"]> | null;

  constructor(store: ConversationStore, state: ConversationState, attached: Attached, ports: FanoutPorts) {
    this.store = store;
    this.state = state;
    this.attached = attached;
    this.ports = ports;
    this.live = new LiveSessions(() => ports.now());
    this.batches = new Batches(store, { conversation_id: state.record.conversation_id, epoch: state.record.epoch });
    this.gate = new Gate(() => ports.settings(), SLOW_MS);
    this.newest = new Newest(store, state.record);
    this.modes = new Modes(new ModesStore(store.sql), state, attached, () => ports.settings());
    this.rounds = new Rounds(store, state, attached, this.modes, {
      settle: (stay, from, head, sent) => this.settleOne(stay, from, head, sent),
      tell: (stay, from, head) => this.tellOne(stay, from, head),
      offer: (from, head, owed) => this.offer(from, head, owed),
      pump: () => this.pump(), settings: () => ports.settings(), now: () => ports.now(), arm: () => ports.arm(),
    });
    this.handle = handleOf(state.record.conversation_id);
    this.over = new LinePushes({ state, batches: this.batches, gate: this.gate, live: this.live, modes: this.modes }, {
      connect: (request, ends) => ports.line.connect(request, ends), every: (ms, run) => ports.line.every(ms, run),
      settings: () => ports.settings(), now: () => ports.now(), failed: (userId, error) => ports.failed(userId, error),
      about: (head) => this.about(head), pump: () => this.pump(), pushed: (stay, batch) => this.pushed(stay, batch),
      answered: (userId, answer) => this.attached.answered(userId, answer, this.modes.mode === "read"),
    });
    const restore = new RestoreStore(store.sql).read();
    this.restored = restore?.state === "restored" ? { seq: restore.head_seq, msg_no: readMsgNo(store.sql, restore.head_seq) ?? 0 } : null;
    if (this.modes.mode === "write") return;
    for (const { user_id, gen } of attached.audience(this.modes.mode, ports.now())) this.isThere(user_id, gen, this.toldTo(user_id));
  }

  get lines(): LinePushes["lines"] {
    return this.over.lines;
  }

  /**
   * Right after a commit, in the same turn: the alarm becomes durable with the events.
   * @param urgent the events change who the members are, so everybody must hear now
   */
  committed(events: readonly NewEvent[], alone: string | null, urgent: boolean): void {
    this.batches.remember(events.map((event) => ({ ...event, content_hash: null })));
    const first = events[0] as NewEvent;
    if (urgent) {
      this.attached.retain((userId) => this.state.members.has(userId));
      this.lines.retain((userId) => this.state.members.has(userId));
    }
    const begin = this.rounds.begins(events, urgent);
    // A sole socket has its acknowledgement: pushing to its own session would reach nobody.
    const sender = alone === null ? undefined : this.live.get(alone);
    if (sender !== undefined && sender.sent_seq === first.seq - 1) sender.sent_seq = this.state.head.seq;
    this.ports.arm();
    if (begin.settle) this.start(this.rounds.settle());
    else this.pump();
    if (begin.lagging) this.start(this.rounds.settleLagging(this.ports.now()));
  }

  /** @param owed who will be settled with it anyway */
  private async offer(from: number, head: number, owed: ReadonlySet<string>): Promise<string[]> {
    const { mode } = this.modes;
    if (mode !== "read") return [];
    const now = this.ports.now();
    return offerPushes(this.state.record.conversation_id, readOffered(this.store.sql, Math.max(from, head - LOOK_BACK), head), {
      away: () => [...this.state.members.values()].filter(({ user_id }) => !owed.has(user_id) && !this.attached.wants(user_id, mode, now)),
      readMsgNo: (stay) => Math.max(this.ports.readBy(stay)?.msg_no ?? 0, this.beforeJoining(stay)?.msg_no ?? 0),
      push: (userId, call) => this.gate.through(() => this.ports.push(userId, call)),
      failed: (userId, error) => this.ports.failed(userId, error),
    });
  }

  /** Right after the commit that took the content of these events. */
  forget(seqs: readonly number[]): void {
    this.batches.forget(seqs);
    this.newest.forget();
  }

  /**
   * A session says that it is there. Its devices may have been for longer than this is known here, and lack what nobody has brought them yet.
   * @param caughtUp are they all given, in this turn, what they lack?
   */
  attach({ user_id, gen, until }: AttachCall, caughtUp = false): void {
    const known = this.attached.get(user_id);
    if (this.modes.mode === "read" && until !== undefined) {
      this.attached.says({ user_id, gen, viewing: known?.gen === gen && known.viewing, until }, true);
    }
    this.isThere(user_id, gen, caughtUp ? this.state.head.seq : this.toldTo(user_id));
  }

  /** A device opens the conversation, or none has it open any more. */
  view({ user_id, gen, viewing, until }: ViewCall): void {
    this.attached.says({ user_id, gen, viewing, until }, this.modes.mode === "read");
    if (this.modes.mode !== "write") this.isThere(user_id, gen, this.toldTo(user_id));
  }

  /** Everybody who is there, and is owed nothing, was told of what is up to here. */
  private get toldSeq(): number {
    return Math.max(this.state.marks.told_seq, this.state.marks.fanout_seq);
  }

  /** A member who is there was told of what is up to here. */
  private toldTo(userId: string): number {
    return Math.min(this.toldSeq, (this.rounds.owedFrom(userId) ?? Number.POSITIVE_INFINITY) - 1);
  }

  private isThere(userId: string, gen: number, sentSeq: number): void {
    if (this.modes.tells(userId, this.ports.now())) this.live.attach(userId, gen, sentSeq, this.state.head.seq);
    else this.live.forget(userId);
  }

  /** Resolves when no delivery to this user is under way. */
  async landed(userId: string): Promise<void> {
    await this.flying.get(userId);
  }

  /** Pushes the newest of what is behind `delivered` again. False: nobody is there any more. */
  async again(stay: Stay, delivered: number): Promise<boolean> {
    await this.alone(stay.user_id, () => {
      const head = this.live.get(stay.user_id)?.sent_seq ?? this.state.head.seq;
      return this.call(stay, Math.max(delivered, head - RESUME_EVENTS) + 1, head, { settle: false, sent: null, again: true });
    });
    return this.live.has(stay.user_id);
  }

  private settleOne(stay: Stay, from: number, head: number, sent: DeliverCall["sent"]): Promise<boolean> {
    return this.alone(stay.user_id, () => {
      const behind = (this.live.get(stay.user_id)?.sent_seq ?? 0) + 1;
      return this.call(stay, Math.max(from, behind), head, { settle: true, ...this.settlement(stay, from, head, sent) });
    });
  }

  private tellOne(stay: Stay, from: number, head: number): Promise<boolean> {
    return this.alone(stay.user_id, async () => {
      const behind = (this.live.get(stay.user_id)?.sent_seq ?? 0) + 1;
      return behind > head || this.call(stay, Math.max(from, behind), head, { settle: false, sent: null });
    });
  }

  /** The settle that a member would get now, of what is above `settledSeq`. */
  peek(stay: Stay, settledSeq: number): Settled {
    const head = this.state.head.seq;
    const from = Math.max(settledSeq + 1, head - LOOK_BACK);
    const sent = this.store.readNewestSent(from, head).get(stay.user_id) ?? null;
    return { ...this.about(head), ...this.settlement(stay, from, head, sent), left: false };
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
    this.start(this.pushes());
  }

  private async pushes(): Promise<void> {
    try {
      for (let { calls, written } = this.round(); calls.length > 0 || written; { calls, written } = this.round()) {
        // Whoever has a line does not wait for whoever is called.
        await (written ? this.ports.turn() : this.gate.patiently(Promise.all(calls)));
      }
    } finally {
      // In the turn that found nobody behind: whoever falls behind a moment later must find the pump free.
      this.pumping = false;
    }
  }

  private round(): { calls: Promise<boolean>[]; written: boolean } {
    const head = this.state.head.seq;
    const now = this.ports.now();
    const calls: Promise<boolean>[] = [];
    const called: [string, LiveMember][] = [];
    let written = false;
    for (const [userId, member] of this.live) {
      if (member.sent_seq >= head || this.flying.has(userId)) continue;
      const stay = this.state.members.get(userId);
      if (stay === undefined || !this.modes.tells(userId, now)) {
        this.live.forget(userId);
        continue;
      }
      const repeats = member.sent_seq < member.repeat_to;
      const to = Math.min(repeats ? member.repeat_to : head, member.sent_seq + LIVE_EVENTS);
      const verdict = repeats ? "call" : this.over.write(stay, member, to, LIVE_EVENTS);
      if (verdict === "written") written = true;
      if (verdict !== "call") continue;
      called.push([userId, member]);
      calls.push(this.alone(userId, () => this.call(stay, member.sent_seq + 1, to, { settle: false, sent: null })));
    }
    this.over.called(called);
    return { calls, written };
  }

  /** What a session was sent. */
  private pushed(stay: Stay, batch: Batch): void {
    // Of what they sent themselves no device will say that it came.
    const newest = batch.own.length > 0 ? Math.max(...batch.own.map(({ events }) => events?.to_seq ?? 0)) : (batch.events?.to_seq ?? 0);
    if (newest > 0 && this.live.has(stay.user_id)) this.ports.pushed(stay, newest);
    const sentEvents = batch.events === null ? 0 : batch.events.to_seq - batch.events.from_seq + 1;
    this.state.counters.deliveries += sentEvents;
    count("delivered_events", sentEvents);
  }

  /** One at a time for each session, and behind what its line has carried. */
  private async alone<T>(userId: string, work: () => Promise<T>): Promise<T> {
    while (this.flying.has(userId)) await this.flying.get(userId);
    const done = Promise.withResolvers<void>();
    this.flying.set(userId, done.promise);
    try {
      await this.lines.drained(userId);
      return await work();
    } finally {
      this.flying.delete(userId);
      done.resolve();
      if ((this.live.get(userId)?.sent_seq ?? this.state.head.seq) < this.state.head.seq) this.pump();
    }
  }

  /** Its reply says whether the session is live. False: the outcome is unknown. */
  private async call(stay: Stay, from: number, head: number, how: Pick<DeliverCall, "settle" | "sent" | "read" | "last" | "mentions" | "again">): Promise<boolean> {
    const known = this.live.get(stay.user_id);
    const owed = planOwed(stay, from, head, known === undefined ? RESUME_EVENTS : LIVE_EVENTS);
    if (owed === null) return true;
    try {
      // Who does not show the conversation is told that there is something, and asks for it.
      const shown = how.settle || this.modes.showsBodies(stay.user_id) ? owed.events : null;
      const wants = known?.wants ?? "json";
      // What is more than a push to sockets (settles, what comes again) is read by the session, too.
      const batch = this.batches.forRecipient(stay.user_id, shown, visibleRange(stay, this.state.record.history).from, wants === "pb" && (how.settle || how.again === true) ? "both" : wants);
      const repeat = from <= (known?.repeat_to ?? 0);
      const reply = await this.gate.through(() => this.deliver(stay.user_id, {
        ...this.about(owed.head), ...batch, ...how, left: owed.left, ...(repeat ? { repeat } : {}),
      }));
      if (reply.known !== undefined) this.ports.known?.(reply.known);
      // Who was removed meanwhile is not to be told of anything, whatever their session says.
      if (this.state.members.has(stay.user_id)) this.attached.answered(stay.user_id, reply, this.modes.mode === "read");
      this.live.answered(stay.user_id, reply, owed.head);
      this.pushed(stay, batch);
      return true;
    } catch (error) {
      // The settle that follows covers what this call may not have brought.
      this.live.forget(stay.user_id);
      this.lines.close(stay.user_id);
      count("delivery_failures");
      this.ports.failed(stay.user_id, error);
      return false;
    }
  }

  private deliver(userId: string, call: DeliverCall): Promise<DeliverReply> {
    this.state.counters.delivery_calls += 1;
    count("delivery_calls");
    return this.ports.deliver(userId, call);
  }

  private about(head: number): Omit<Settled, "sent" | "left"> {
    const { record, members } = this.state;
    if (this.described?.head_seq === head && this.described.mode === record.mode) return this.described;
    const newest = head === this.state.head.seq ? null : this.store.readEvent(head);
    this.described = {
      conversation_id: record.conversation_id, kind: record.kind, title: record.title, epoch: record.epoch,
      pair: record.kind === "direct" ? pairOf([...members.keys()]) : null,
      mode: record.mode, handle: this.handle, ...(this.restored === null ? {} : { restored: this.restored }),
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

/** Of a conversation with oneself there is one user. */
function pairOf(users: readonly string[]): [string, string] {
  const [first = "", second = first] = users;
  return directPair(first, second);
}
