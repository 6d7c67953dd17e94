// A session whose user polls or holds a socket, as chance has it: the real polls, rows and settles, and a client that applies
// what it is given by seq. Whatever is in memory can be lost at any moment, and so can every answer.
import type { Stay } from "../../domain/membership.ts";
import { Heads } from "../../durable-objects/session/heads.ts";
import { settledRow } from "../../durable-objects/session/inbox-row.ts";
import { Polls } from "../../durable-objects/session/polls.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { DeliverCall, DeliverReply } from "../../protocol/rpc.ts";
import { CONVERSATION, Session, type World } from "./world.ts";

const DEVICE = "phone";

export class PollingSession extends Session {
  private readonly world: World;
  readonly client: Client;
  private heads = new Heads();
  polls: Polls;
  /** What the server takes for an open socket; its client may be gone. */
  socket: "none" | "open" | "dead" = "none";

  constructor(userId: string, world: World) {
    super(userId);
    this.world = world;
    this.client = new Client(this, world);
    this.polls = this.emptyPolls();
  }

  private emptyPolls(): Polls {
    const polls = new Polls({
      userSeq: () => this.store.readUserSeq(),
      changed: (since, limit) => this.store.readInboxSince(since, limit).map((row) => this.heads.over(row)),
      now: () => this.world.now,
    });
    polls.onComing(() => this.comes());
    return polls;
  }

  /** The object's memory is gone. Sockets outlive it; held polls end without an answer. */
  evict(): void {
    this.polls = this.emptyPolls();
    this.heads = new Heads();
  }

  /** As Connecting does it: the first device is news. */
  comes(): void {
    if (this.socket !== "none" || this.polls.size > 0) return;
    this.gen += 1;
    const row = this.inbox();
    if (row !== null && row.settled_at > this.world.now - 13_000 && this.world.state.members.has(this.userId)) this.world.fanout.attach({ user_id: this.userId, gen: this.gen, until: this.world.now + 3_600_000 });
  }

  poll(user_seq: number, wait: number): Promise<string> {
    const claims = { user_id: this.userId, exp: Math.ceil(this.world.now / 1_000) + 3_600 };
    return this.polls.poll({ claims, device_id: DEVICE, user_seq, wait }, this.world.now).then((reply) => {
      if (!reply.ok) throw new Error(reply.code);
      return reply.text;
    });
  }

  override deliver(call: DeliverCall, now: number): DeliverReply {
    const devices = (this.socket === "none" ? 0 : 1) + this.polls.count(DEVICE);
    const own = devices === 1 ? call.own : [];
    const mine = own.find(({ device_id }) => device_id === DEVICE);
    const events = mine === undefined ? call.events : mine.events;
    if (events !== null && this.socket === "open") this.client.receive(JSON.parse(events.json) as DownFrame | DownFrame[]);
    this.polls.push(call, own);
    this.heads.heard(call.conversation_id, { head_seq: call.head_seq, head_msg_no: call.head_msg_no, last_at: call.head_at });
    if (call.settle) {
      const row = settledRow(this.inbox(), call, this.userId, this.store.readUserSeq(), now);
      if (row !== null) this.store.commitInbox(row);
      this.polls.moved();
    }
    this.polls.sweep(now);
    return { gen: this.gen, live: this.socket !== "none" || this.polls.size > 0 };
  }
}

/** Applies events by seq, and pulls what it is told that it lacks. */
export class Client {
  private readonly session: PollingSession;
  private readonly world: World;
  readonly timeline: number[] = [];
  user_seq = 0;
  /** Wire events that came a second time. */
  again = 0;

  constructor(session: PollingSession, world: World) {
    this.session = session;
    this.world = world;
  }

  get cursor(): number {
    return this.timeline.at(-1) ?? 0;
  }

  receive(given: DownFrame | DownFrame[]): void {
    for (const frame of Array.isArray(given) ? given : [given]) {
      if (frame.type === "sync_required") {
        const head = frame.conversations.find(({ conversation_id }) => conversation_id === CONVERSATION);
        if (head !== undefined && head.head_seq > this.cursor) this.pull();
      } else if ("seq" in frame && "msg_id" in frame) this.event(frame.seq);
    }
  }

  /** An event, or the acknowledgement of one's own. */
  event(seq: number): void {
    if (seq <= this.cursor) this.again += 1;
    else if (seq === this.cursor + 1) this.timeline.push(seq);
    else this.pull();
  }

  /** A poll's answer has arrived: only now does its user_seq count. */
  answered(text: string): void {
    const { frames, user_seq } = JSON.parse(text) as { frames: DownFrame[]; user_seq: number };
    this.receive(frames);
    this.user_seq = user_seq;
  }

  /** History is read from the conversation itself. */
  pull(): void {
    const stay = this.world.state.members.get(this.session.userId) as Stay;
    for (const { seq } of this.world.store.readRange(Math.max(this.cursor + 1, stay.joined_seq), this.world.state.head.seq, 10_000, "asc")) this.timeline.push(seq);
  }
}
