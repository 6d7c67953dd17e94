// What this client has of one conversation's sequence: a dense run floor+1 … cursor, and a bounded number of events that
// arrived ahead of it. Pure: no I/O, no clock. Whatever order, duplication or loss, the run converges to the server's.
import type { Event, MsgEvent } from "../protocol/events.ts";
import type { Cursor } from "../protocol/frames/sync.ts";
import type * as v from "valibot";
import type { SequenceFrame } from "./frames.ts";

/** A message; `msg_no` is missing on one's own until the server's copy is read. */
export type Message = Omit<MsgEvent, "msg_no"> & { msg_no?: number };
/** Anything with a seq that a member sees. */
export type ChatEvent = Exclude<Event, MsgEvent> | Message;
/** Also a place in the sequence whose event this member may not see. */
export type Slot = ChatEvent | Extract<v.InferOutput<typeof SequenceFrame>, { type: "skip" }>;

/** Seqs that are missing: after < seq < before. */
export interface Gap {
  after: number;
  before: number;
}

export interface Applied {
  /** Now part of the run, in order. */
  fresh: Slot[];
  /** The conversation was restored: all that was here is of an older epoch and must be read again. */
  restored: boolean;
}

/** Events held ahead of a gap. What comes on top is dropped, and pulled once the gap is closed. */
const HELD = 10_000;

export class Timeline {
  readonly conversation_id: string;
  #epoch: number;
  /** Everything up to it is not here; older pages lower it. */
  #floor: number;
  /** #run[i] has seq floor + 1 + i, except below a part that this member may not see. */
  #run: Slot[] = [];
  #cursor: number;
  #head: number;
  readonly #held = new Map<number, Slot>();
  #lowestHeld = Number.POSITIVE_INFINITY;

  /** @param start everything up to it counts as known */
  constructor(conversation_id: string, start: Cursor) {
    this.conversation_id = conversation_id;
    this.#epoch = start.epoch;
    this.#floor = start.seq;
    this.#cursor = start.seq;
    this.#head = start.seq;
  }

  get cursor(): Cursor {
    return { epoch: this.#epoch, seq: this.#cursor };
  }

  get floor(): number {
    return this.#floor;
  }

  /** The highest seq that is known to exist. */
  get head(): number {
    return this.#head;
  }

  /** The dense run, oldest first. */
  get run(): readonly Slot[] {
    return this.#run;
  }

  /** The lowest missing range below the known head, or null. */
  get gap(): Gap | null {
    if (this.#head <= this.#cursor) return null;
    return { after: this.#cursor, before: Math.min(this.#head + 1, this.#lowestHeld) };
  }

  /** Events, acknowledged own messages or skips, in any order, possibly again. */
  apply(slots: readonly Slot[]): Applied {
    let restored = false;
    for (const slot of slots) {
      if (slot.epoch < this.#epoch) continue;
      if (slot.epoch > this.#epoch) {
        this.restore(slot.epoch, slot.seq);
        restored = true;
      }
      this.#head = Math.max(this.#head, slot.seq);
      if (slot.seq > this.#cursor && !this.#held.has(slot.seq)) this.#hold(slot);
    }
    return { fresh: this.#advance(), restored };
  }

  /** A head that the server named. Answers whether the conversation was restored. */
  knowHead(epoch: number, head_seq: number): boolean {
    if (epoch < this.#epoch) return false;
    const restored = epoch > this.#epoch;
    if (restored) this.restore(epoch, head_seq);
    this.#head = Math.max(this.#head, head_seq);
    return restored;
  }

  /**
   * The answer to a pull of what comes after `after`, ascending. A hole at its start is what this member may not see:
   * the server would have sent it.
   */
  pulled(after: number, slots: readonly Slot[]): Applied {
    const first = slots[0];
    if (first !== undefined && first.epoch === this.#epoch && after === this.#cursor) {
      this.#cursor = Math.max(this.#cursor, Math.min(first.seq, this.#lowestHeld) - 1);
      // With nothing here below, nothing is cut off from the run.
      if (this.#run.length === 0) this.#floor = this.#cursor;
    }
    return this.apply(slots);
  }

  /** A page of what is older than the run, descending or ascending; what is here already is ignored. Answers what is new, oldest first. */
  prepend(slots: readonly Slot[]): Slot[] {
    const older = slots.filter((slot) => slot.epoch === this.#epoch && slot.seq <= this.#floor).toSorted((a, b) => a.seq - b.seq);
    const first = older[0];
    if (first === undefined) return [];
    this.#run = [...older, ...this.#run];
    this.#floor = first.seq - 1;
    return older;
  }

  /** Forgets the older half of a run that is longer than `most`; answers whether it did. */
  trim(most: number): boolean {
    if (this.#run.length <= most) return false;
    this.#run = this.#run.slice(-Math.ceil(most / 2));
    this.#floor = (this.#run[0] as Slot).seq - 1;
    return true;
  }

  /** Starts again in another epoch from where the run began, or from the head where that is now lower. */
  restore(epoch: number, head_seq: number): void {
    this.#epoch = epoch;
    this.#floor = Math.min(this.#floor, head_seq);
    this.#cursor = this.#floor;
    this.#head = head_seq;
    this.#run = [];
    this.#held.clear();
    this.#lowestHeld = Number.POSITIVE_INFINITY;
  }

  #hold(slot: Slot): void {
    if (slot.seq !== this.#cursor + 1 && this.#held.size >= HELD) return;
    this.#held.set(slot.seq, slot);
    this.#lowestHeld = Math.min(this.#lowestHeld, slot.seq);
  }

  #advance(): Slot[] {
    const fresh: Slot[] = [];
    for (let slot = this.#held.get(this.#cursor + 1); slot !== undefined; slot = this.#held.get(this.#cursor + 1)) {
      this.#cursor = slot.seq;
      this.#held.delete(slot.seq);
      fresh.push(slot);
    }
    // Not spread into one push: a run can be longer than a call may have arguments.
    for (const slot of fresh) this.#run.push(slot);
    if (fresh.length > 0) {
      this.#lowestHeld = Number.POSITIVE_INFINITY;
      for (const seq of this.#held.keys()) this.#lowestHeld = Math.min(this.#lowestHeld, seq);
    }
    return fresh;
  }
}
