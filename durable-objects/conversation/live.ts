// Which sessions are believed to have a device, from what they answered: a wrong belief costs one call. In memory only.
import { decideLive } from "../../domain/delivery.ts";
import type { DeliverReply } from "../../protocol/rpc.ts";

/** What a reply said of an absent session is believed this long: it may have come back to conversations that nobody told. */
const AWAY_MS = 10_000;

/** `both`: JSON, and protobuf as well. */
export type Wanted = "json" | "both" | "pb";

export interface LiveMember {
  gen: number;
  /** What its last reply asked for. */
  wants: Wanted;
  /** Everything up to here was answered for. */
  sent_seq: number;
  /** Of what is up to here it is not known which of its devices have it. */
  repeat_to: number;
  /** Does it take lines? A session of an older version is called. */
  lines: boolean;
}

export class LiveSessions {
  private readonly live = new Map<string, LiveMember>();
  /** Sessions that answered that nobody is there: when, ms. */
  private readonly away = new Map<string, number>();
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  get(userId: string): LiveMember | undefined {
    return this.live.get(userId);
  }

  has(userId: string): boolean {
    return this.live.has(userId);
  }

  [Symbol.iterator](): IterableIterator<[string, LiveMember]> {
    return this.live.entries();
  }

  /** It says itself that it is there. @param sentSeq what all its devices have @param head what some may have */
  attach(userId: string, gen: number, sentSeq: number, head: number): void {
    this.away.delete(userId);
    if ((this.live.get(userId)?.gen ?? 0) < gen) this.live.set(userId, { gen, sent_seq: sentSeq, repeat_to: head, wants: "json", lines: false });
  }

  /** The reply to a call that brought everything up to `head`. */
  answered(userId: string, reply: DeliverReply, head: number): void {
    const known = this.live.get(userId);
    if (decideLive(known?.gen, reply.gen) === "stale") return;
    if (!reply.live) {
      this.gone(userId);
      return;
    }
    const same = known !== undefined && known.gen === reply.gen ? known : null;
    this.live.set(userId, {
      gen: reply.gen, sent_seq: Math.max(same?.sent_seq ?? 0, head), repeat_to: same?.repeat_to ?? 0, wants: reply.pb !== true ? "json" : reply.pb_alone === true ? "pb" : "both", lines: reply.lines === true,
    });
    this.away.delete(userId);
  }

  /** What was sent to this life of its sockets from a seq on may not have come. */
  rewind(userId: string, gen: number, from: number): void {
    const known = this.live.get(userId);
    if (known?.gen === gen) known.sent_seq = Math.min(known.sent_seq, from - 1);
  }

  /** The reply to a call that brought no events. */
  heardOf(userId: string, reply: DeliverReply): void {
    if (decideLive(this.live.get(userId)?.gen, reply.gen) === "stale") return;
    if (reply.live) this.away.delete(userId);
    else this.gone(userId);
  }

  forget(userId: string): void {
    this.live.delete(userId);
  }

  /** Is a call likely to reach a device? A session that nothing is known of may be live: this object has forgotten. */
  reachable(userId: string): boolean {
    return this.live.has(userId) || Math.abs(this.now() - (this.away.get(userId) ?? Number.NEGATIVE_INFINITY)) >= AWAY_MS;
  }

  private gone(userId: string): void {
    this.live.delete(userId);
    this.away.set(userId, this.now());
  }
}
