// What the people of one generator were told, and whether it contradicts itself.
import { Samples } from "../samples.ts";
import type { Counts, Window } from "./link.ts";

export const VIOLATIONS_KEPT = 50;

export class Journal {
  /** By conversation and seq: the client_msg_id that an acknowledgement named. */
  readonly acks = new Map<string, string[]>();
  /** By conversation and seq: the msg_id that the first to be shown it saw. */
  readonly shown = new Map<string, string[]>();
  readonly violations: string[] = [];
  readonly closeCodes = new Map<number, number>();
  readonly refusals = new Map<string, number>();
  readonly counts: Counts = {
    sent: 0, acked: 0, delivered: 0, repeated: 0, pulled_pages: 0, connects: 0, closed: 0, refused_sends: 0, joins: 0, leaves: 0, pauses: 0, resent: 0, violations: 0,
  };
  private ack = new Samples();
  private delivery = new Samples();

  violation(text: string): void {
    this.counts.violations += 1;
    // Seen at once, and not only when the run ends.
    console.error(`violation: ${text}`);
    if (this.violations.length < VIOLATIONS_KEPT) this.violations.push(text);
  }

  /** @param ms null where the socket was another one when it was sent */
  acked(conversation: string, seq: number, key: string, ms: number | null): void {
    this.counts.acked += 1;
    if (ms !== null) this.ack.add(ms);
    this.note(this.acks, conversation, seq, key, "acknowledged as");
  }

  /** What every device sees under a seq is the same. */
  saw(conversation: string, seq: number, msgId: string): void {
    this.note(this.shown, conversation, seq, msgId, "shown as");
  }

  delivered(ms: number): void {
    this.delivery.add(ms);
  }

  window(sockets: number): Window {
    const window = { ack: this.ack.all(), delivery: this.delivery.all(), sockets, counts: { ...this.counts } };
    this.ack = new Samples();
    this.delivery = new Samples();
    return window;
  }

  private note(known: Map<string, string[]>, conversation: string, seq: number, what: string, how: string): void {
    const bySeq = known.get(conversation) ?? [];
    known.set(conversation, bySeq);
    const before = bySeq[seq];
    if (before === undefined) bySeq[seq] = what;
    else if (before !== what) this.violation(`seq ${seq} of ${conversation} was ${how} ${before} and as ${what}`);
  }
}

export function countUp<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
