// The messages of one workload on their way: sends them, knows who must get them, and fails on the first one that is lost,
// repeated or out of order. Counts into the tally of the moment.
import type { Device } from "./device.ts";
import { Samples } from "./samples.ts";
import { Sightings } from "./sightings.ts";
import { WIRES } from "./wire.ts";

export class Tally {
  /** Of all messages of all sockets, both ways. */
  bytes = 0;
  readonly ack = new Samples();
  readonly delivery = new Samples();
}

export interface Sender {
  device: Device;
  address: { to: string } | { conversation_id: string };
  /** Who must get what it sends. */
  recipients: readonly Device[];
}

/** A sender, and what became of each of its messages, by number. */
export interface Progress extends Sender {
  index: number;
  /** ms */
  sentAt: number[];
  /** 0 until somebody has learned it */
  seqs: number[];
  acked: number;
  /** Deliveries of the newest message that are still to come. */
  awaited: number;
}

/** What a load does when something arrives. */
export interface Reactions {
  /** One message of the socket acknowledged this many. */
  acked?(sender: Progress, count: number): void;
  /** The newest message is acknowledged, and every recipient has it. */
  arrived?(sender: Progress): void;
}

/** The bytes of each message. */
const CONTENT = "A message of the length that people write: a sentence or two, which is about a hundred and twenty bytes, like this one.";
const DRAIN_MS = 20_000;

export class Traffic {
  tally = new Tally();
  readonly senders: readonly Progress[];
  private readonly reactions: Reactions;
  private readonly sightings: Sightings;
  /** For each device, the number of each sender's message that must come next. */
  private readonly expected = new Map<Device, Map<Progress, number>>();
  private readonly failed = Promise.withResolvers<never>();
  private over = false;

  constructor(senders: readonly Sender[], reactions: Reactions) {
    this.reactions = reactions;
    const wire = senders[0]?.device.wire ?? WIRES.json;
    this.sightings = new Sightings(senders.some(({ recipients }) => recipients.length > 1), wire);
    this.senders = senders.map((sender, index) => ({ ...sender, index, sentAt: [], seqs: [], acked: 0, awaited: 0 }));
    for (const sender of this.senders) {
      for (const device of sender.recipients) this.expectedOf(device).set(sender, 0);
    }
    for (const device of new Set([...this.expected.keys(), ...senders.map((sender) => sender.device)])) {
      const next = this.expectedOf(device);
      device.listen((message) => this.heard(device, next, message), (error) => this.fail(error));
    }
    // Whoever waits for the traffic sees the failure.
    this.failed.promise.catch(() => undefined);
  }

  /** Rejects when a message is lost, repeated or out of order, or when the server answers with an error. */
  get failure(): Promise<never> {
    return this.failed.promise;
  }

  get sent(): number {
    return this.senders.reduce((sum, sender) => sum + sender.sentAt.length, 0);
  }

  /** `count` new messages as one message of the socket. */
  send(sender: Progress, count: number): void {
    const frames: object[] = [];
    for (let i = 0; i < count; i += 1) {
      frames.push({ type: "msg", client_msg_id: this.sightings.key(sender.index, sender.sentAt.length), content: CONTENT, ...sender.address });
      sender.sentAt.push(performance.now());
      sender.seqs.push(0);
    }
    sender.awaited = sender.recipients.length;
    const message = sender.device.wire.encode(frames);
    // Everything that is sent here is ASCII.
    this.tally.bytes += message.length;
    sender.device.send(message);
  }

  /** Resolves once everybody has everything; fails after 20 s. */
  async drained(): Promise<void> {
    const deadline = performance.now() + DRAIN_MS;
    for (let lacking = this.lacking(); lacking !== null; lacking = this.lacking()) {
      if (performance.now() > deadline) throw new Error(lacking);
      await Promise.race([this.failure, new Promise((resolve) => {
        setTimeout(resolve, 10);
      })]);
    }
  }

  end(): void {
    this.over = true;
  }

  private expectedOf(device: Device): Map<Progress, number> {
    const known = this.expected.get(device) ?? new Map<Progress, number>();
    this.expected.set(device, known);
    return known;
  }

  private lacking(): string | null {
    const unacked = this.senders.find((sender) => sender.acked < sender.sentAt.length);
    if (unacked !== undefined) return `${unacked.device.user} lacks ${unacked.sentAt.length - unacked.acked} acknowledgements`;
    for (const [device, next] of this.expected) {
      for (const [sender, number] of next) {
        if (number < sender.sentAt.length) return `${device.user} lacks ${sender.sentAt.length - number} messages of ${sender.device.user}`;
      }
    }
    return null;
  }

  private heard(device: Device, next: Map<Progress, number>, message: Buffer): void {
    if (this.over) return;
    this.tally.bytes += message.length;
    try {
      this.take(device, next, message);
    } catch (error) {
      this.fail(error);
    }
  }

  private fail(error: unknown): void {
    if (this.over) return;
    this.over = true;
    this.failed.reject(error);
  }

  private take(device: Device, next: Map<Progress, number>, message: Buffer): void {
    const now = performance.now();
    let acks = 0;
    let sender: Progress | undefined;
    const newest = new Map<string, number>();
    for (const { sender: index, number, conversation_id, seq, ack } of this.sightings.read(message)) {
      sender = this.senders[index];
      const sentAt = sender?.sentAt[number];
      if (sender === undefined || sentAt === undefined) throw new Error(`${device.user} got a message that nobody sent: ${index}.${number}`);
      if (sender.seqs[number] === 0) sender.seqs[number] = seq;
      else if (sender.seqs[number] !== seq) throw new Error(`message ${number} of ${sender.device.user} has seq ${sender.seqs[number]} and seq ${seq}`);
      const due = ack ? sender.acked : next.get(sender);
      if (!ack) newest.set(conversation_id, seq);
      // Sent again, since its receipt was late.
      if (!ack && device.acknowledge !== undefined && due !== undefined && number < due) continue;
      if (number !== due || (ack && sender.device !== device)) {
        throw new Error(`${device.user} got ${ack ? "the acknowledgement of " : ""}message ${number} (seq ${seq}) of ${sender.device.user}, and not ${due}`);
      }
      if (ack) {
        acks += 1;
        sender.acked += 1;
      } else {
        next.set(sender, number + 1);
        if (number === sender.sentAt.length - 1) sender.awaited -= 1;
      }
      (ack ? this.tally.ack : this.tally.delivery).add(now - sentAt);
      if (sender.awaited === 0 && sender.acked === sender.sentAt.length) this.reactions.arrived?.(sender);
    }
    for (const [conversation_id, seq] of newest) device.acknowledge?.(conversation_id, seq);
    if (acks > 0 && sender !== undefined) this.reactions.acked?.(sender, acks);
  }
}
