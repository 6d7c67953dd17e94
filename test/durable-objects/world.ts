// One conversation with its members' sessions: the real stores, fan-out, settle and tasks, over a network and a clock that a
// test commands. A crash keeps what was committed and forgets the rest.
import { DatabaseSync } from "node:sqlite";
import { expect } from "vitest";
import { type Acknowledging, openAcknowledging } from "../../durable-objects/conversation/acknowledging.ts";
import { appendItems } from "../../durable-objects/conversation/append.ts";
import { Attached } from "../../durable-objects/conversation/attached.ts";
import { createGroup } from "../../durable-objects/conversation/create.ts";
import { Fanout } from "../../durable-objects/conversation/fanout.ts";
import type { Wanted } from "../../durable-objects/conversation/live.ts";
import { putMember, removeMember } from "../../durable-objects/conversation/members.ts";
import type { NewEvent } from "../../durable-objects/conversation/records.ts";
import { resumeMember } from "../../durable-objects/conversation/resume.ts";
import { ConversationState } from "../../durable-objects/conversation/state.ts";
import { ConversationStore } from "../../durable-objects/conversation/store.ts";
import { AttachedStore } from "../../durable-objects/conversation/store/attached.ts";
import { mortalSql } from "../../durable-objects/platform/mortal-sql.ts";
import { Tasks } from "../../durable-objects/platform/tasks.ts";
import { jsonOf } from "../../durable-objects/session/encoding.ts";
import { settledRow } from "../../durable-objects/session/inbox-row.ts";
import { type InboxRecord, SessionStore } from "../../durable-objects/session/store.ts";
import { decodeBinaryDown } from "../../protocol/codec-protobuf.ts";
import type { Event } from "../../protocol/events.ts";
import type { StatusFrame } from "../../protocol/frames/receipt.ts";
import type { DeliverCall, DeliverReply, ReceiptMarks, ReceiptsCall, Result, StatusCall } from "../../protocol/rpc.ts";
import type { PushCall } from "../../protocol/rpc/inbox.ts";
import { DEFAULT_SETTINGS, type Settings } from "../../protocol/settings.ts";
import { NetLine } from "./line-net.ts";
import type { LinesPorts } from "../../durable-objects/conversation/lines.ts";
import type { LineRequest } from "../../protocol/line.ts";
import { NO_CHANGES } from "./change-ports.ts";
import { nodeSql } from "./sqlite.ts";

export const CONVERSATION = `g.${"0".repeat(32)}`;

/** A member's session: its inbox is durable, its socket is not. */
export class Session {
  readonly store = new SessionStore(nodeSql());
  readonly userId: string;
  gen = 0;
  connected = false;
  /** What its sockets speak. */
  speaks: Wanted = "json";
  /** The newest seq of what was said to be a repeat. */
  repeated = 0;
  /** In what each call brought its events. */
  readonly gotAs: Wanted[] = [];
  viewing = false;
  /** Every seq that reached this user's socket, in order of arrival. */
  readonly got: number[] = [];
  /** Heads of which it was only told that they are there. */
  readonly notified: number[] = [];
  readonly contents = new Map<number, Event>();
  /** What became of this user's messages, as their socket was told. */
  readonly told: StatusFrame[] = [];
  /** Does the device acknowledge what it gets? */
  acknowledges = true;
  /** False: a session of the version before lines. */
  takesLines = true;
  fails = 0;

  constructor(userId: string) {
    this.userId = userId;
    this.store.commitRegistered(userId, 0);
  }

  inbox(): InboxRecord | null {
    return this.store.readInbox(CONVERSATION);
  }

  /** What it is offered to be pushed. */
  offered(_call: PushCall, _now: number): void {
    // Only some tests have a queue.
  }

  deliver(call: DeliverCall, now: number): DeliverReply {
    const apart = call.mode !== undefined && call.mode !== "write" && !call.settle;
    if (this.connected && apart && (call.events === null || !this.viewing)) this.notified.push(call.head_seq);
    else if (this.connected && call.events !== null) {
      const { json, pb } = call.events;
      this.gotAs.push(pb === undefined ? "json" : json === "" ? "pb" : "both");
      const parsed = JSON.parse(jsonOf({ ...call.events })) as Event | Event[];
      const events = Array.isArray(parsed) ? parsed : [parsed];
      if (pb !== undefined) expect(decodeBinaryDown(pb)).toEqual(events);
      if (call.repeat === true) this.repeated = Math.max(this.repeated, call.events.to_seq);
      for (const event of events) {
        this.got.push(event.seq);
        this.contents.set(event.seq, event);
      }
    }
    if (call.settle) {
      const row = settledRow(this.inbox(), call, this.userId, this.store.readUserSeq(), now);
      if (row !== null) this.store.commitInbox(row);
    }
    return { gen: this.gen, live: this.connected, viewing: this.viewing, until: this.connected ? now + LEASE_MS : 0, ...(this.takesLines ? { lines: true as const } : {}), ...(this.speaks === "json" ? {} : { pb: true, pb_alone: this.speaks === "pb" }) };
  }
}

const LEASE_MS = 3_600_000;

export class World {
  readonly settings: Settings = { ...DEFAULT_SETTINGS, deliver_timeout_ms: 50, lines_after: 0 };
  private readonly database = new DatabaseSync(":memory:");
  store = new ConversationStore(nodeSql(this.database));
  readonly sessions = new Map<string, Session>();
  /** What the alarm stands at on disk. */
  alarm: number | null = null;
  /** What was offered to be pushed: to whom, and which seq. */
  readonly offers: [string, number][] = [];
  /** Every line that was opened in this life of the object. */
  lines: NetLine[] = [];
  /** Every connection of a line is answered once this is. */
  lineAnswers: Promise<void> = Promise.resolve();
  /** Who could not be called, as the conversation says it. */
  unreached: (userId: string) => void = () => undefined;
  /** What the conversation looks at again and again. */
  readonly ticks = new Set<() => void>();
  private timers: { at: number; run: () => void }[] = [];
  /** Receipts that nobody has answered: their sessions make them again. */
  private readonly unanswered = new Set<{ call: ReceiptsCall; answer: (reply: Result<{ marks: ReceiptMarks }>) => void }>();
  now = 1_800_000_000_000;
  private underWay = new Set<Promise<unknown>>();
  private life = 0;
  private sent = 0;
  fanout!: Fanout;
  state!: ConversationState;
  acknowledging!: Acknowledging;
  private tasks!: Tasks;

  /** @param sessionOf the sessions of those who are in from the start */
  constructor(users: string[], sessionOf: (user: string, world: World) => Session = (user) => new Session(user)) {
    for (const user of users) this.sessions.set(user, sessionOf(user, this));
    const [creator, ...members] = users;
    createGroup(this.store, {
      conversation_id: CONVERSATION, creator_id: creator as string, title: "t", members, max_members: 500, location_hint: null, jurisdiction: null,
    }, this.now);
    this.open();
    this.fanout.committed(this.store.readRange(1, 1, 1, "asc") as NewEvent[], null, true);
  }

  session(user: string): Session {
    const known = this.sessions.get(user) ?? new Session(user);
    this.sessions.set(user, known);
    return known;
  }

  append(user: string, device_id: string | null = null, mentions?: string[]): void {
    this.sent += 1;
    const { events } = appendItems(this.store, this.state, {
      conversation_id: CONVERSATION, sender_id: user, create: null, alone: false,
      items: [{ client_msg_id: `m${this.sent}`, device_id, content: `c${this.sent}`, content_type: "text", ...(mentions === undefined ? {} : { mentions }) }],
    }, NO_CHANGES, this.now);
    const stay = this.state.members.get(user);
    if (events.length === 0 || stay === undefined) return;
    this.fanout.committed(events, null, false);
    this.acknowledging.receipts.sent(stay, events);
  }

  /** As a session does: made again with whatever object comes after a crash. Refused at once where the user is no member. */
  receipt(user: string, given: Omit<ReceiptsCall, "user_id" | "again">): Promise<Result<{ marks: ReceiptMarks }>> {
    return new Promise((answer) => {
      const asked = { call: { user_id: user, ...given }, answer };
      this.unanswered.add(asked);
      this.ask(asked.call, asked);
    });
  }

  private ask(call: ReceiptsCall, asked: { answer: (reply: Result<{ marks: ReceiptMarks }>) => void; call: ReceiptsCall }): void {
    const life = this.life;
    const stay = this.state.members.get(call.user_id);
    const reply = stay === undefined ? Promise.resolve({ ok: false as const, code: "not_found" as const }) : this.acknowledging.receipts.take(stay, call);
    reply.then((given) => {
      if (life !== this.life) return;
      this.unanswered.delete(asked);
      asked.answer(given);
    }).catch(() => undefined);
  }

  add(user: string): void {
    this.session(user);
    const result = putMember(this.store, this.state, { actor_id: null, user_id: user, role: "member" }, this.now);
    if (result.ok && result.events.length > 0) this.fanout.committed(result.events, null, true);
  }

  remove(user: string): void {
    const result = removeMember(this.store, this.state, { actor_id: null, user_id: user }, this.now);
    if (result.ok && result.events.length > 0) this.fanout.committed(result.events, null, true);
  }

  connect(user: string): void {
    const session = this.session(user);
    if (session.connected) return;
    session.connected = true;
    session.gen += 1;
    const row = session.inbox();
    const tells = row !== null && (row.settled_at > this.now - 10_000 || row.mode === "read");
    if (tells && this.state.members.has(user)) this.fanout.attach({ user_id: user, gen: session.gen, until: this.now + LEASE_MS });
  }

  /** A device of theirs catches up, with what it has up to `seq`. @param alone is it the only one? */
  resume(user: string, seq: number, alone = false): void {
    const stay = this.state.members.get(user);
    if (stay === undefined) throw new Error(`${user} is no member`);
    const { state, fanout, acknowledging: { receipts } } = this;
    const reply = resumeMember(this.store, { state, fanout, receipts }, stay, {
      user_id: user, cursor: { epoch: state.record.epoch, seq }, limit: 100, gen: this.session(user).gen, ...(alone ? { alone } : {}),
    });
    expect(reply).toMatchObject({ ok: true });
  }

  disconnect(user: string): void {
    for (const line of this.lines) if (line.userId === user) line.break();
    Object.assign(this.session(user), { connected: false, viewing: false });
  }

  /** A connected member's device opens the conversation, or closes it. */
  view(user: string, viewing: boolean): void {
    const session = this.session(user);
    if (!session.connected || !this.state.members.has(user)) return;
    session.viewing = viewing;
    this.fanout.view({ user_id: user, gen: session.gen, viewing, until: this.now + LEASE_MS });
    // The answer names the head.
    if (viewing && this.state.record.mode !== "write") session.notified.push(this.state.head.seq);
  }

  /** What was under way never ends; the object starts anew from what it committed. */
  crash(): void {
    this.life += 1;
    this.underWay = new Set();
    this.timers = [];
    for (const line of this.lines) line.open = false;
    this.lines = [];
    this.ticks.clear();
    this.open();
    for (const asked of this.unanswered) this.ask({ ...asked.call, again: true }, asked);
  }

  /** Time goes on to the alarm, and it fires. */
  async fire(): Promise<void> {
    if (this.alarm === null) return;
    this.now = Math.max(this.now, this.alarm) + 1;
    this.alarm = null;
    await this.tasks.fired(() => this.now);
    await this.quiet();
  }

  /** Time goes on, and the conversation looks after its lines. */
  async tick(ms: number): Promise<void> {
    // What is asked of a line goes out first.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    this.now += ms;
    for (const run of this.ticks) run();
    await this.quiet();
  }

  /** Until no call is under way, and no timer. */
  async quiet(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      if (this.underWay.size > 0) {
        await Promise.allSettled(this.underWay);
        continue;
      }
      const timer = this.timers.shift();
      if (timer === undefined) return;
      this.now = Math.max(this.now, timer.at);
      timer.run();
    }
  }

  private open(): void {
    const life = this.life;
    const alive = () => life === this.life;
    // What is left of a crashed object neither commits nor arms.
    this.store = new ConversationStore(mortalSql(nodeSql(this.database), alive, "this object has crashed"));
    const record = this.store.readConversation();
    if (record === null) throw new Error("no conversation");
    this.state = new ConversationState(this.store, record);
    const tasks: Tasks = new Tasks({ setAlarm: async (at) => void (this.alarm = alive() ? at : this.alarm) }, this.alarm, [
      { name: "settle", dueAt: () => fanout.rounds.settleDue(), run: () => fanout.rounds.settle() },
      { name: "lagging", dueAt: () => fanout.rounds.laggingDue(), run: (now) => fanout.rounds.settleLagging(now) },
      { name: "redelivery", dueAt: (now) => acknowledging.redelivery.due(now), run: (now) => acknowledging.redelivery.run(now) },
    ], (_task, error) => {
      throw error;
    });
    const fanout: Fanout = new Fanout(this.store, this.state, new Attached(new AttachedStore(this.store.sql)), {
      deliver: (userId, call) => this.deliver(life, userId, call),
      settings: () => this.settings, now: () => this.now, arm: () => tasks.arm(this.now), failed: (userId) => this.unreached(userId),
      push: (userId, call) => this.calling(life, userId, (session) => {
        this.offers.push([userId, call.seq]);
        session.offered(call, this.now);
      }),
      readBy: (stay) => acknowledging.receipts.readBy(stay),
      pushed: (stay, seq) => acknowledging.redelivery.pushed(stay, seq),
      line: {
        connect: async (request, ends) => {
          const line = await this.calling(life, request.user_id, (session) => this.connectLine(life, session, request, ends));
          await this.lineAnswers;
          return line;
        },
        every: (_ms, run) => {
          this.ticks.add(run);
          return () => this.ticks.delete(run);
        },
      },
      turn: () => new Promise((resolve) => {
        setImmediate(resolve);
      }),
    });
    const acknowledging = openAcknowledging(this.store, this.state, fanout, {
      settings: () => this.settings, now: () => this.now,
      later: (ms, run) => void (alive() && this.timers.push({ at: this.now + ms, run })),
      arm: () => tasks.arm(this.now),
      tell: (userId, call) => this.tell(life, userId, call),
      tellingFailed: () => undefined,
    });
    tasks.arm(this.now);
    this.tasks = tasks;
    this.fanout = fanout;
    this.acknowledging = acknowledging;
  }

  private connectLine(life: number, session: Session, request: LineRequest, ends: Parameters<LinesPorts["connect"]>[1]): NetLine | null {
    const row = session.inbox();
    if (!session.takesLines || !NetLine.fits(session, request, row !== null && row.left_at === null)) return null;
    const line: NetLine = new NetLine(session, ends, {
      arrived: (call) => this.took(session, call),
      soon: (run) => void this.calling(life, session.userId, () => line.open && run()).catch(() => line.break()),
    });
    this.lines.push(line);
    return line;
  }

  private tell(life: number, userId: string, call: StatusCall): Promise<DeliverReply> {
    return this.calling(life, userId, (session) => {
      if (session.connected) session.told.push(...call.frames);
      return { gen: session.gen, live: session.connected };
    });
  }

  private deliver(life: number, userId: string, call: DeliverCall): Promise<DeliverReply> {
    return this.calling(life, userId, (session) => this.took(session, call));
  }

  private took(session: Session, call: DeliverCall): DeliverReply {
    const reply = session.deliver(call, this.now);
    if (session.connected && session.acknowledges && call.events !== null) void this.receipt(session.userId, { delivered_seq: call.events.to_seq });
    return reply;
  }

  private calling<T>(life: number, userId: string, arrived: (session: Session) => T): Promise<T> {
    const work = (async () => {
      const session = this.session(userId);
      await Promise.resolve();
      // A crashed object's call may still arrive; nobody hears the answer.
      if (session.fails > 0) {
        session.fails -= 1;
        throw new Error("lost");
      }
      const reply = arrived(session);
      if (life !== this.life) await new Promise(() => undefined);
      return reply;
    })();
    if (life === this.life) {
      this.underWay.add(work);
      work.catch(() => undefined).finally(() => this.underWay.delete(work)).catch(() => undefined);
    }
    return work;
  }
}
