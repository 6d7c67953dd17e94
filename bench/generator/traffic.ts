// One process's part of the messages of a workload: sends those of its own senders, knows what its devices must get, from whatever
// process, and fails on the first message that is lost, repeated or out of order. Counts into the tally of the moment.
import type { Address, Device } from "../dialects/dialect.ts";
import { now as clock } from "./clock.ts";
import { Sightings } from "./sightings.ts";
import { NOTHING, type Tally } from "./tally.ts";

/** A sender of the workload, as this process sees it. */
export interface Sender {
  /** null: it lives in another process. */
  own: { device: Device; address: Address } | null;
  /** Those of this process that must get what it sends. */
  recipients: readonly Device[];
  /** Other processes that have recipients. */
  elsewhere: number;
}

/** What became of a sender's messages. */
export interface Progress extends Sender {
  index: number;
  sent: number;
  acked: number;
  /** Places of the last ones, by number. */
  seqs: Map<number, number>;
  /** Recipients here that have a message which others here still lack, by number. */
  having: Map<number, number>;
  /** Processes with recipients that lack the newest message. */
  awaited: number;
}

/** What a load does when something arrives. */
export interface Reactions {
  sent?(sender: Progress, number: number, planned: number): void;
  /** One unit acknowledged this many. */
  acked?(sender: Progress, count: number): void;
  /** The newest message is acknowledged, and every recipient has it. */
  arrived?(sender: Progress): void;
  /** Every recipient of this process has a message of a sender that lives elsewhere. */
  here?(sender: Progress, number: number): void;
}

/** The bytes of each message. */
export const CONTENT = "A message of the length that people write: a sentence or two, which is about a hundred and twenty bytes, like this one.";
const DRAIN_MS = 20_000;
const LOOK_MS = 10;
const NOBODY = -1;
/** Of each sender: more than are ever under way. */
const REMEMBERED = 1_000;
/** Odd multipliers, one after the other, so that places which are swapped do not add up to the same. */
const MIX = [0x9e3779b1, 0x85ebca6b] as const;

export class Traffic {
  tally: Tally = NOTHING;
  readonly senders: readonly Progress[];
  private readonly reactions: Reactions;
  private readonly sightings: Sightings;
  /** For each device, by sender, the number of the message that must come next. */
  private readonly next = new Map<Device, Int32Array>();
  private readonly failed = Promise.withResolvers<never>();
  private over = false;
  private sum = 0;

  /** @param run names the traffic, in all its processes */
  constructor(run: string, senders: readonly Sender[], alike: boolean, reactions: Reactions) {
    this.reactions = reactions;
    this.sightings = new Sightings(run, alike && senders.some(({ recipients }) => recipients.length > 1));
    this.senders = senders.map((sender, index) => ({ ...sender, index, sent: 0, acked: 0, awaited: 0, seqs: new Map(), having: new Map() }));
    for (const { index, own, recipients } of this.senders) {
      if (own !== null) this.nextOf(own.device);
      for (const device of recipients) this.nextOf(device)[index] = 0;
    }
    for (const [device, next] of this.next) device.listen((unit) => this.heard(device, next, unit), (error) => this.fail(error));
    // Whoever waits for the traffic sees the failure.
    this.failed.promise.catch(() => undefined);
  }

  /** Rejects when a message is lost, repeated or out of order, or when the server answers with an error. */
  get failure(): Promise<never> {
    return this.failed.promise;
  }

  /** Of all messages that are through: where each has its place. The same in every process that gets all of them. */
  get digest(): number {
    return this.sum;
  }

  get own(): Progress[] {
    return this.senders.filter(({ own }) => own !== null);
  }

  /** `count` new messages as one unit. @param planned when they were to be sent: what comes later than that is latency */
  send(sender: Progress, count: number, planned: number): void {
    const { own, index } = sender;
    if (own === null) throw new Error(`sender ${index} is another process's`);
    const keys: string[] = [];
    for (let i = 0; i < count; i += 1) {
      keys.push(this.sightings.key(index, sender.sent, planned));
      this.reactions.sent?.(sender, sender.sent, planned);
      sender.sent += 1;
    }
    sender.awaited = sender.elsewhere + (sender.recipients.length > 0 ? 1 : 0);
    const bytes = own.device.post(own.address, keys, CONTENT);
    if (this.tally.covers(planned)) this.tally.bytes += bytes;
  }

  /** Every recipient of another process has this message. */
  arrivedElsewhere(index: number, number: number): void {
    const sender = this.senders[index] as Progress;
    if (number === sender.sent - 1) this.nearer(sender);
  }

  /** Resolves once everybody here has everything; fails after 20 s. @param sent by each sender, in all processes */
  async drained(sent: readonly number[]): Promise<void> {
    const deadline = clock() + DRAIN_MS;
    for (let lacking = this.lacking(sent); lacking !== null; lacking = this.lacking(sent)) {
      if (clock() > deadline) throw new Error(lacking);
      await Promise.race([this.failure, new Promise((resolve) => {
        setTimeout(resolve, LOOK_MS);
      })]);
    }
  }

  end(): void {
    this.over = true;
  }

  private nextOf(device: Device): Int32Array {
    const known = this.next.get(device) ?? new Int32Array(this.senders.length).fill(NOBODY);
    this.next.set(device, known);
    return known;
  }

  private lacking(sent: readonly number[]): string | null {
    const unacked = this.own.find((sender) => sender.acked < sender.sent);
    if (unacked?.own) return `${unacked.own.device.user} lacks ${unacked.sent - unacked.acked} acknowledgements`;
    for (const [device, next] of this.next) {
      const sender = next.findIndex((number, index) => number !== NOBODY && number < (sent[index] as number));
      if (sender >= 0) return `${device.user} lacks ${(sent[sender] as number) - (next[sender] as number)} messages of sender ${sender}`;
    }
    return null;
  }

  private heard(device: Device, next: Int32Array, unit: Buffer): void {
    if (this.over) return;
    const at = clock();
    if (this.tally.covers(at)) this.tally.bytes += unit.length;
    try {
      this.take(device, next, unit, at);
    } catch (error) {
      this.fail(error);
    }
  }

  private fail(error: unknown): void {
    if (this.over) return;
    this.over = true;
    this.failed.reject(error);
  }

  private take(device: Device, next: Int32Array, unit: Buffer, at: number): void {
    const counted = this.tally.covers(at);
    let acks = 0;
    let acker: Progress | undefined;
    let newest: { conversation_id: string; seq: number } | null = null;
    for (const { sender: index, number, planned, conversation_id, seq, ack } of this.sightings.read(device, unit)) {
      const sender = this.senders[index];
      if (sender === undefined) throw new Error(`${device.user} got a message that nobody sent: ${index}.${number}`);
      const due = ack ? sender.acked : (next[index] as number);
      if (!ack && device.acknowledge !== undefined) {
        newest = { conversation_id, seq };
        // Sent again, since its receipt was late.
        if (number < due) continue;
      }
      if (number !== due || (ack && sender.own?.device !== device)) throw new Error(`${device.user} got ${ack ? "the acknowledgement of " : ""}message ${number} (seq ${seq}) of sender ${index}, and not ${due}`);
      this.place(sender, number, seq);
      if (ack) {
        acks += 1;
        acker = sender;
        sender.acked += 1;
      } else {
        next[index] = number + 1;
        this.has(sender, number);
      }
      if (counted) (ack ? this.tally.ack : this.tally.delivery).add(at - planned);
      if (ack && sender.awaited === 0 && sender.acked === sender.sent) this.reactions.arrived?.(sender);
    }
    if (newest !== null) {
      const bytes = device.acknowledge?.(newest.conversation_id, newest.seq) ?? 0;
      if (counted) this.tally.bytes += bytes;
    }
    if (acker !== undefined) this.reactions.acked?.(acker, acks);
  }

  /** All who hear of a message hear of the same place. */
  private place({ index, seqs }: Progress, number: number, seq: number): void {
    if (seq === 0) return;
    const known = seqs.get(number);
    if (known !== undefined && known !== seq) throw new Error(`message ${number} of sender ${index} has seq ${known} and seq ${seq}`);
    if (known !== undefined) return;
    this.sum = (this.sum + Math.imul(Math.imul(seq, MIX[0]) ^ (number * 1_000 + index), MIX[1])) | 0;
    seqs.set(number, seq);
    seqs.delete(number - REMEMBERED);
  }

  /** One more recipient here has it. */
  private has(sender: Progress, number: number): void {
    const having = (sender.having.get(number) ?? 0) + 1;
    if (having < sender.recipients.length) {
      sender.having.set(number, having);
      return;
    }
    sender.having.delete(number);
    if (sender.own === null) this.reactions.here?.(sender, number);
    else if (number === sender.sent - 1) this.nearer(sender);
  }

  private nearer(sender: Progress): void {
    sender.awaited -= 1;
    if (sender.awaited === 0 && sender.acked === sender.sent) this.reactions.arrived?.(sender);
  }
}
