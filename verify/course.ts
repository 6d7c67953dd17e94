// What is known of one conversation, place by place, however long it gets: some eight bytes an event.
import { fingerprint } from "./fingerprint.ts";
import type { Shown } from "./journal.ts";

export interface Stay {
  from: number;
  /** Infinity while it lasts. */
  to: number;
}

/** The last event that was read back from the history, and what must follow from it. */
export interface Tail {
  seq: number;
  msg_no: number;
  msg_id: string;
  sent_at: number;
}

export class Course {
  readonly label: string;
  readonly id: string;
  /** The last seq that is known to be committed. */
  head = 0;
  /** Up to here the history was read back and found right. */
  tail: Tail = { seq: 0, msg_no: 0, msg_id: "", sent_at: 0 };
  /** The highest seq acknowledged before the present window. */
  settled = 0;
  /** Of a group: by user. Made from the history, up to its tail. */
  readonly stays = new Map<string, Stay[]>();
  private prints = new Float64Array(64);

  constructor(label: string, id: string) {
    this.label = label;
    this.id = id;
  }

  reached(seq: number): void {
    this.head = Math.max(this.head, seq);
  }

  /** Returns false where another event was seen in that place before. */
  note(event: Shown): boolean {
    this.reached(event.seq);
    if (event.seq >= this.prints.length) {
      const larger = new Float64Array(Math.max(event.seq + 1, this.prints.length * 2));
      larger.set(this.prints);
      this.prints = larger;
    }
    const print = fingerprint(event);
    const known = this.prints[event.seq];
    if (known !== 0) return known === print;
    this.prints[event.seq] = print;
    return true;
  }

  /** Whether somebody was shown an event in this place. */
  knows(seq: number): boolean {
    return (this.prints[seq] ?? 0) !== 0;
  }
}
