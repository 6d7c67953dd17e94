// A device of a user, deliberately dumb: it has everything that it gets looked at, trusts no order, and only keeps coming
// back, resuming from what it has without a hole and sending again what has no acknowledgement.
import { checkSight } from "./checks/sights.ts";
import { checkAck } from "./checks/acks.ts";
import { type Connection, type Frame, Socket, type Way } from "./connection.ts";
import type { Deployment } from "./deployment.ts";
import { type Ack, type Journal, keyOf, type Shown } from "./journal.ts";
import type { Told } from "./marks.ts";
import { Outbox } from "./outbox.ts";
import type { PlannedMessage } from "./plan.ts";
import { Polling } from "./polling.ts";
import { View } from "./view.ts";
import type { Violations } from "./violation.ts";

const BACKOFF_MS = { first: 40, longest: 2_000 };
const TICK_MS = 500;
const REFUSED_MS = 500;
/** How long what comes is gathered for one receipt. */
const RECEIPT_MS = 100;

export interface DeviceWorld {
  deployment: Deployment;
  journal: Journal;
  violations: Violations;
}

export class Device {
  readonly user_id: string;
  readonly name: string;
  readonly outbox: Outbox;
  readonly way: Way;
  /** By conversation id. */
  readonly views = new Map<string, View>();
  private readonly device_id: string;
  private readonly world: DeviceWorld;
  /** Open, and greeted by the server. */
  private live: Connection | null = null;
  private current: Connection | null = null;
  private stopped = false;
  private resending = false;
  private ended: Promise<void> = Promise.resolve();
  /** The newest seq of each conversation that is still to be acknowledged as delivered. */
  private readonly unreceipted = new Map<string, number>();
  private greetedUserSeq = 0;
  private knownUserSeq = 0;

  constructor(world: DeviceWorld, userId: string, deviceId: string, way: Way = "json") {
    this.world = world;
    this.user_id = userId;
    this.device_id = deviceId;
    this.way = way;
    this.name = `${userId}/${deviceId}`;
    this.outbox = new Outbox(world.journal, this.name);
  }

  start(): void {
    this.ended = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.current?.cut();
    await this.ended;
  }

  get connected(): boolean {
    return this.live !== null;
  }

  send(messages: readonly PlannedMessage[], asArray: boolean): void {
    this.outbox.add(messages, asArray, this.live);
  }

  /** The same message again, `times` times, if there is a socket to do it on. */
  again(message: PlannedMessage, times: number, altered: boolean): void {
    const { live } = this;
    if (live === null) return;
    const sending = this.world.journal.sending(message);
    for (let i = 0; i < times; i += 1) this.outbox.write([sending], live, altered);
  }

  cut(): void {
    this.current?.cut();
  }

  halfOpen(forMs: number): void {
    this.live?.leaveHalfOpen(forMs);
  }

  /** Everything up to now was told: the next resume asks only for what is newer. */
  settled(): void {
    this.knownUserSeq = this.greetedUserSeq;
  }

  view(conversationId: string, epoch: number): View {
    const known = this.views.get(conversationId);
    if (known !== undefined) return known;
    const view = new View(epoch);
    this.views.set(conversationId, view);
    return view;
  }

  /** An event came, over the connection or in a page that was pulled. */
  shown(event: Shown, by: string, pushed: boolean): void {
    const { journal } = this.world;
    const view = this.view(event.conversation_id, event.epoch);
    if (event.type === "member_added" && event.user_id === this.user_id) view.joined(event.seq);
    if (view.got(event.seq) && pushed) journal.counts.deliveries += 1;
    if (event.type === "skip") {
      // Of a change of something from before they came, who came later is shown the place alone.
      if (this.mayBeOut(event.conversation_id)) return;
      this.world.violations.add("lost", `${this.name} was shown seq ${event.seq} of ${journal.labelOf(event.conversation_id) ?? event.conversation_id} as one that they may not see`, [JSON.stringify(event)]);
      return;
    }
    checkSight(journal, this.world.violations, event, by, false);
    journal.saw(event);
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.stopped) {
      try {
        this.current = await this.open();
        if (this.stopped) this.current.cut();
        const tick = setInterval(() => this.tick(), TICK_MS);
        await this.current.closed();
        clearInterval(tick);
        // One that greeted us was a success, however short.
        if (this.live !== null) failures = 0;
      } catch {
        // Nobody there, or not yet: that is what the waiting below is for.
      }
      this.live = null;
      if (this.stopped) break;
      const wait = Math.random() * Math.min(BACKOFF_MS.first * 2 ** failures, BACKOFF_MS.longest);
      failures += 1;
      this.world.journal.backoffs.push(wait);
      await new Promise((resolve) => {
        setTimeout(resolve, wait);
      });
    }
  }

  private open(): Promise<Connection> {
    const onFrames = (frames: Frame[], connection: Connection): void => {
      for (const frame of frames) this.take(frame, connection);
    };
    if (this.way === "poll") return Polling.open(this.world.deployment, this.user_id, this.device_id, onFrames, this.knownUserSeq);
    return Socket.open(this.world.deployment, this.user_id, this.device_id, onFrames, this.way);
  }

  private tick(): void {
    if (this.live !== null && this.outbox.overdue(this.live)) this.outbox.resend(this.live);
  }

  private take(frame: Frame, connection: Connection): void {
    const by = `${this.name} #${connection.number}`;
    if (frame["type"] === "hello") this.greeted(Number(frame["user_seq"]), connection);
    else if (frame["type"] === "ack") this.acked(frame, by);
    else if (frame["type"] === "error") this.refused(frame, connection);
    else if (frame["type"] === "status") this.told(frame, by);
    else if (frame["type"] === "sync_required") {
      for (const head of frame["conversations"] as { conversation_id: string; epoch: number; head_seq: number }[]) {
        this.view(head.conversation_id, head.epoch).learn(head.head_seq);
      }
    } else if (typeof frame["seq"] === "number") {
      const event = frame as unknown as Shown;
      this.receiptLater(event.conversation_id, event.seq);
      this.shown(event, by, true);
    }
  }

  private greeted(userSeq: number, connection: Connection): void {
    if (userSeq < this.greetedUserSeq) {
      this.world.violations.add("regressed", `${this.name} was greeted with user_seq ${userSeq} after ${this.greetedUserSeq}`);
    }
    this.greetedUserSeq = userSeq;
    this.live = connection;
    const cursors = Object.fromEntries([...this.views].map(([id, { epoch, contiguous }]) => [id, { epoch, seq: contiguous }]));
    connection.write([{ type: "resume", cursors, user_seq: this.knownUserSeq }]);
    this.outbox.resend(connection);
  }

  private acked(frame: Frame, by: string): void {
    const { journal, violations } = this.world;
    const { client_msg_id, conversation_id, epoch, msg_id, seq, sent_at, dup } = frame as unknown as Ack & { client_msg_id: string };
    const ack: Ack = { at: performance.now(), by, conversation_id, epoch, msg_id, seq, sent_at, dup };
    const sending = journal.sendings.get(keyOf(this.user_id, client_msg_id));
    checkAck(journal, violations, this.user_id, client_msg_id, ack);
    this.view(conversation_id, epoch).got(seq);
    // Who writes has read what was before.
    journal.marks.moved(conversation_id, this.user_id, "READ", seq);
    if (sending === undefined) return;
    this.outbox.done(sending);
    journal.acked(sending, ack);
  }

  private told(frame: Frame, by: string): void {
    if (typeof frame["up_to_seq"] !== "number") return;
    this.world.journal.marks.heard({ ...(frame as unknown as Told), by });
  }

  private refused(frame: Frame, connection: Connection): void {
    const { journal, violations } = this.world;
    const code = String(frame["code"]);
    journal.refusals.set(code, (journal.refusals.get(code) ?? 0) + 1);
    const sending = journal.sendings.get(keyOf(this.user_id, String(frame["client_msg_id"])));
    if (code === "needs_restore") {
      // The conversation says it itself, and nobody here restores it: there is no other answer to wait for.
      violations.add("lost", `${this.name} was told that a conversation lacks something that others have seen`, [JSON.stringify(frame)]);
      if (sending !== undefined) this.outbox.done(sending);
      return;
    }
    if (sending === undefined) {
      if (this.mayBeOut(String(frame["conversation_id"]))) return;
      // The cursors come from what this very deployment has shown us, so it may not find fault with them.
      if (frame["retryable"] !== true) violations.add("regressed", `${this.name} resumed and was refused: ${code}`, [JSON.stringify(frame)]);
      else setTimeout(() => connection.cut(), REFUSED_MS);
      return;
    }
    // Answers come in the order of the frames.
    const attempt = sending.attempts.find(({ place, refused }) => place?.connection === connection.number && refused === null);
    if (attempt !== undefined) attempt.refused = code;
    if (frame["retryable"] === true) {
      this.resendLater(typeof frame["retry_after_ms"] === "number" ? frame["retry_after_ms"] : 0);
      return;
    }
    this.outbox.done(sending);
    const { target } = sending.message;
    if (code === "not_found" && target !== null && journal.targetOf(target) !== null) {
      violations.add("lost", `${target} was acknowledged, and ${sending.key}, which changes it, is told that it is not there`, journal.story(sending));
    } else violations.add("unanswered", `${sending.key} was refused for good: ${code}`, journal.story(sending));
  }

  /** Who may be out of a conversation is right to be told so: only planned members are there for good. */
  private mayBeOut(conversationId: string): boolean {
    const label = this.world.journal.labelOf(conversationId) ?? "";
    return this.world.journal.conversations.get(label)?.members.includes(this.user_id) === false;
  }

  /** Once for all refusals of one sending: each of them would otherwise send everything again. */
  private resendLater(afterMs: number): void {
    if (this.resending) return;
    this.resending = true;
    setTimeout(() => {
      this.resending = false;
      if (this.live !== null) this.outbox.resend(this.live);
    }, Math.max(afterMs, REFUSED_MS));
  }

  /** A device that acknowledges nothing is sent everything again, and after its credit nothing more. */
  private receiptLater(conversationId: string, seq: number): void {
    if (this.unreceipted.size === 0) setTimeout(() => this.receipts(), RECEIPT_MS).unref();
    this.unreceipted.set(conversationId, Math.max(seq, this.unreceipted.get(conversationId) ?? 0));
  }

  /** Phones read what they get, other devices only have it. */
  private receipts(): void {
    const status = this.device_id === "phone" ? "READ" : "DELIVERED";
    const frames = [...this.unreceipted].map(([conversation_id, up_to_seq]) => ({ type: "receipt", conversation_id, up_to_seq, status }));
    this.unreceipted.clear();
    if (frames.length === 0 || this.live === null) return;
    for (const { conversation_id, up_to_seq } of frames) this.world.journal.marks.moved(conversation_id, this.user_id, status, up_to_seq);
    this.live.write(frames);
  }
}
