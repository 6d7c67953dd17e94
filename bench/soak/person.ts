// One user with one device: connects, sends, reads, falls behind, goes and comes back with what it has. It trusts no order: what
// does not follow on what it has it pulls from history.
import WebSocket from "ws";
import { NOTIFY_BYTES } from "../../protocol/frames/notify.ts";
import type { Wire } from "../dialects/wire.ts";
import { countUp, type Journal } from "./journal.ts";
import type { Rest } from "./rest.ts";
import { View } from "./view.ts";

export interface Frame {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Where a message goes; the id of a direct conversation is known from its first acknowledgement on. */
export interface Place {
  id: string | null;
  address: { to: string } | { conversation_id: string };
}

interface Sent {
  key: string;
  place: Place;
  at: number;
  /** Which of the person's connections it went out on first. */
  connection: number;
  last: number;
}

const PING_MS = 10_000;
const RECEIPTS_MS = 250;
/** How long an answer is waited for before the message is sent again. */
const RESEND_MS = 15_000;
/** How long what is missing may still come by itself. */
const AHEAD_MS = 1_500;
const OPEN_WITHIN_MS = 120_000;
const UNANSWERED = 8;
const CONTENT = "A message of the length that people write: a sentence or two, which is about a hundred and twenty bytes, like this one.";

export class Person {
  readonly name: string;
  readonly views = new Map<string, View>();
  /** Should be connected. */
  here = false;
  /** Of connecting, in a row. */
  failures = 0;
  private readonly rest: Rest;
  private readonly journal: Journal;
  private readonly wire: Wire;
  /** Never acknowledges what it gets. */
  private readonly mute: boolean;
  private socket: WebSocket | null = null;
  private connection = 0;
  private greeted = false;
  /** From when on what is sent is delivered live, or else there is a reason. */
  private promptSince = Number.POSITIVE_INFINITY;
  private userSeq = 0;
  private readonly waiting = new Map<string, Sent>();
  private readonly unreceipted = new Map<string, number>();

  constructor(name: string, rest: Rest, journal: Journal, wire: Wire, mute: boolean) {
    this.name = name;
    this.rest = rest;
    this.journal = journal;
    this.wire = wire;
    this.mute = mute;
  }

  get connected(): boolean {
    return this.greeted;
  }

  /** Nobody goes on writing whom nobody answers. */
  get ready(): boolean {
    return this.greeted && this.waiting.size < UNANSWERED;
  }

  get idle(): boolean {
    return this.waiting.size === 0 && [...this.views.values()].every(({ pulling, torn }) => !pulling && !torn);
  }

  /** Resolves once it is greeted; rejects where that fails or takes too long. */
  async connect(): Promise<void> {
    this.here = true;
    const token = await this.rest.token(this.name);
    const number = (this.connection += 1);
    const socket = new WebSocket(`${this.rest.url.replace(/^http/, "ws")}/v1/ws?device_id=soak`, this.wire.subprotocols, {
      headers: { Authorization: `Bearer ${token}` }, perMessageDeflate: false, skipUTF8Validation: true, handshakeTimeout: OPEN_WITHIN_MS,
    });
    this.socket = socket;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const beat = setInterval(() => this.beat(socket), PING_MS);
    socket.on("message", (data: Buffer, binary) => {
      if (this.socket !== socket || (!binary && data.byteLength === 4 && data.toString() === "pong")) return;
      if (binary && data.byteLength === NOTIFY_BYTES && data[0] === 0) return;
      for (const frame of this.wire.decode(data) as Frame[]) {
        if (frame.type === "hello") {
          this.hello(frame, number);
          resolve();
        } else this.take(frame);
      }
    });
    // `close` follows, and says what is to be said.
    socket.on("error", () => undefined);
    socket.on("close", (code) => {
      clearInterval(beat);
      reject(new Error(`${this.name} was closed with ${code} before it was greeted`));
      if (this.socket !== socket) return;
      this.gone();
      this.journal.counts.closed += 1;
      countUp(this.journal.closeCodes, code);
    });
    return promise;
  }

  /** @param cut without a word, as a network does */
  leave(cut: boolean): void {
    const { socket } = this;
    this.here = false;
    this.gone();
    if (cut) socket?.terminate();
    else socket?.close(1000);
  }

  /** Reads nothing for a while; what it gets then is late for its own sake. */
  pause(ms: number): void {
    const { socket } = this;
    if (socket === null || !this.greeted) return;
    this.journal.counts.pauses += 1;
    this.promptSince = Number.POSITIVE_INFINITY;
    socket.pause();
    setTimeout(() => {
      socket.resume();
      // What has piled up meanwhile is read in the next turns.
      if (this.socket === socket) this.promptSince = performance.now() + 1_000;
    }, ms);
  }

  send(place: Place, key: string): void {
    const now = performance.now();
    const sent = { key, place, at: now, connection: this.connection, last: now };
    this.waiting.set(key, sent);
    this.journal.counts.sent += 1;
    this.write([this.frameOf(sent)]);
  }

  /** Left the group, or is about to come back: what lies between is not theirs. */
  left(conversation: string): void {
    const view = this.views.get(conversation);
    if (view !== undefined) view.left = true;
  }

  /** What has no answer yet goes out again. */
  resend(everything: boolean): void {
    const now = performance.now();
    const due = [...this.waiting.values()].filter(({ last }) => everything || now - last > RESEND_MS);
    if (due.length === 0 || !this.greeted) return;
    for (const sent of due) sent.last = now;
    this.journal.counts.resent += due.length;
    this.write(due.map((sent) => this.frameOf(sent)));
  }

  private frameOf({ key, place }: Sent): object {
    return { type: "msg", client_msg_id: key, content: CONTENT, ...place.address };
  }

  private write(frames: readonly object[]): void {
    if (this.greeted) this.socket?.send(this.wire.encode(frames));
  }

  private beat(socket: WebSocket): void {
    if (socket.readyState !== WebSocket.OPEN) return;
    socket.send("ping");
    this.resend(false);
    const fresh = this.rest.refreshed(this.name);
    if (fresh !== null) void fresh.then((token) => this.write([{ type: "auth_refresh", token }]), (error: unknown) => this.journal.violation(`${this.name} got no token: ${String(error)}`));
  }

  private gone(): void {
    this.socket = null;
    this.greeted = false;
    this.promptSince = Number.POSITIVE_INFINITY;
  }

  private hello(frame: Frame, number: number): void {
    this.greeted = true;
    this.journal.counts.connects += 1;
    const cursors = Object.fromEntries([...this.views].map(([id, { epoch, seq }]) => [id, { epoch, seq }]));
    this.write([{ type: "resume", cursors, user_seq: this.userSeq }]);
    this.userSeq = Number(frame["user_seq"]);
    this.promptSince = performance.now() + (number === 1 ? 0 : 1_000);
    this.resend(true);
  }

  private take(frame: Frame): void {
    if (frame.type === "ack") this.acked(frame);
    else if (frame.type === "error") this.refused(frame);
    else if (frame.type === "sync_required") {
      for (const { conversation_id, epoch, head_seq } of frame["conversations"] as { conversation_id: string; epoch: number; head_seq: number }[]) {
        if (head_seq > this.view(conversation_id, epoch).seq) void this.pull(conversation_id);
      }
    } else if (typeof frame["seq"] === "number" && frame.type !== "status") this.event(frame, false);
  }

  private view(conversation: string, epoch: number): View {
    const known = this.views.get(conversation);
    if (known !== undefined) return known;
    const view = new View(epoch);
    this.views.set(conversation, view);
    return view;
  }

  private acked(frame: Frame): void {
    const key = String(frame["client_msg_id"]);
    const sent = this.waiting.get(key);
    // The first of two answers counts.
    if (sent === undefined) return;
    this.waiting.delete(key);
    const [conversation, seq] = [String(frame["conversation_id"]), Number(frame["seq"])];
    sent.place.id ??= conversation;
    const prompt = sent.connection === this.connection && sent.at === sent.last && sent.at >= this.promptSince;
    this.journal.acked(conversation, seq, key, prompt ? performance.now() - sent.at : null);
    // The sender's own device has the ack in place of the event.
    this.place(conversation, Number(frame["epoch"]), seq);
  }

  private refused(frame: Frame): void {
    const code = String(frame["code"]);
    countUp(this.journal.refusals, code);
    if (frame["retryable"] === true) return;
    if (this.waiting.delete(String(frame["client_msg_id"]))) this.journal.counts.refused_sends += 1;
  }

  private event(frame: Frame, fromHistory: boolean): void {
    const [conversation, seq] = [String(frame["conversation_id"]), Number(frame["seq"])];
    if (typeof frame["msg_id"] === "string") this.journal.saw(conversation, seq, frame["msg_id"]);
    const placed = this.place(conversation, Number(frame["epoch"]), seq, fromHistory);
    if (placed === "known") this.journal.counts.repeated += 1;
    if (placed === "known" || fromHistory) return;
    this.journal.counts.delivered += 1;
    if (frame.type !== "msg") return;
    const at = sentAt(String(frame["client_msg_id"]));
    if (at !== null && at > this.promptSince) this.journal.delivered(performance.now() - at);
  }

  private place(conversation: string, epoch: number, seq: number, fromHistory = false): ReturnType<View["take"]> {
    const view = this.view(conversation, epoch);
    const before = view.seq;
    const placed = view.take(seq, fromHistory);
    if (placed === "hole") this.journal.violation(`${this.name} has ${before} of ${conversation}, and history goes on with ${seq}`);
    // An acknowledgement may overtake what others have said before it.
    if (placed === "ahead") setTimeout(() => view.torn && void this.pull(conversation), AHEAD_MS);
    else if (!this.mute) this.receiptLater(conversation, view.seq);
    return placed;
  }

  private async pull(conversation: string): Promise<void> {
    const view = this.views.get(conversation);
    if (view === undefined || view.pulling) return;
    view.pulling = true;
    try {
      for (let more = true; more;) {
        const before = view.seq;
        const events = await this.rest.after(this.name, conversation, before);
        this.journal.counts.pulled_pages += 1;
        // Live ones may have come meanwhile.
        for (const event of events ?? []) if (event.seq > view.seq) this.event(event as unknown as Frame, true);
        more = events !== null && events.length > 0 && view.seq > before;
      }
    } catch (error) {
      // The next event or resume asks again.
      countUp(this.journal.refusals, `pull: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      view.pulling = false;
    }
  }

  private receiptLater(conversation: string, seq: number): void {
    if (this.unreceipted.size === 0) setTimeout(() => this.receipts(), RECEIPTS_MS);
    this.unreceipted.set(conversation, seq);
  }

  private receipts(): void {
    const frames = [...this.unreceipted].flatMap(([conversation_id, up_to_seq]) => ["DELIVERED", "READ"].map((status) => ({ type: "receipt", conversation_id, up_to_seq, status })));
    this.unreceipted.clear();
    this.write(frames);
  }
}

/** A message's key says when it was sent by this process's clock. */
export function keyOf(village: number, number: number): string {
  return `${village}.${number}.${performance.now().toFixed(2)}`;
}

function sentAt(key: string): number | null {
  const at = Number(key.split(".").slice(2).join("."));
  return Number.isNaN(at) ? null : at;
}
