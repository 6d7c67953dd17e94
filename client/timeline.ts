// What this client has of one conversation's sequence: a dense run floor+1 … cursor, and a bounded number of events that
// arrived ahead of it. Its messages stand as they now are: edited, deleted, reacted to. Pure: no I/O, no clock. Whatever
// order, duplication or loss, the run converges to the server's.
import type { Event, MsgEvent } from "../protocol/events.ts";
import type { Cursor } from "../protocol/frames/sync.ts";
import type * as v from "valibot";
import { amended, withReplies } from "./amend.ts";
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
  /** The place in the sequence of each message in the run. */
  readonly #seqs = new Map<string, number>();
  /** For messages that were read as they then were: the head up to which that is. */
  readonly #as_of = new WeakMap<Slot, number>();
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

  /** What arrived ahead of a gap. */
  get ahead(): readonly Slot[] {
    return [...this.#held.values()].toSorted((a, b) => a.seq - b.seq);
  }

  /** The lowest missing range below the known head, or null. */
  get gap(): Gap | null {
    if (this.#head <= this.#cursor) return null;
    return { after: this.#cursor, before: Math.min(this.#head + 1, this.#lowestHeld) };
  }

  /** A message of the run, as it now is. */
  message(msg_id: string): Message | null {
    const slot = this.#run[this.#indexOf(this.#seqs.get(msg_id) ?? -1)];
    return slot?.type === "msg" ? slot : null;
  }

  /**
   * Events, acknowledged own messages or skips, in any order, possibly again.
   *
   * @param as_of the head when they were asked for: history gives messages as they are at least then; 0 for pushed ones
   */
  apply(slots: readonly Slot[], as_of = 0): Applied {
    let restored = false;
    for (const slot of slots) {
      if (as_of > slot.seq) this.#as_of.set(slot, as_of);
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
  pulled(after: number, slots: readonly Slot[], as_of = 0): Applied {
    const first = slots[0];
    if (first !== undefined && first.epoch === this.#epoch && after === this.#cursor) {
      this.#cursor = Math.max(this.#cursor, Math.min(first.seq, this.#lowestHeld) - 1);
      // With nothing here below, nothing is cut off from the run.
      if (this.#run.length === 0) this.#floor = this.#cursor;
    }
    return this.apply(slots, as_of);
  }

  /** A page of what is older than the run, descending or ascending; what is here already is ignored. Answers what is new, oldest first. */
  prepend(slots: readonly Slot[], as_of = 0): Slot[] {
    const older = slots.filter((slot) => slot.epoch === this.#epoch && slot.seq <= this.#floor).toSorted((a, b) => a.seq - b.seq);
    const first = older[0];
    if (first === undefined) return [];
    for (const slot of older) {
      if (as_of > slot.seq) this.#as_of.set(slot, as_of);
      if (slot.type === "msg") this.#seqs.set(slot.msg_id, slot.seq);
    }
    const above = older.at(-1) as Slot;
    this.#run = [...older, ...this.#run];
    this.#floor = first.seq - 1;
    // What came while the page was under way is not in it. The messages above it had their changes as those came.
    for (const slot of this.#run.slice(this.#indexFrom(as_of + 1))) this.#amend(slot, above.seq);
    return older;
  }

  /** Forgets the older half of a run that is longer than `most`; answers whether it did. */
  trim(most: number): boolean {
    if (this.#run.length <= most) return false;
    const gone = this.#run.splice(0, this.#run.length - Math.ceil(most / 2));
    for (const slot of gone) if (slot.type === "msg") this.#seqs.delete(slot.msg_id);
    this.#floor = (this.#run[0] as Slot).seq - 1;
    return true;
  }

  /** Leaves out all between the run and the head: older pages bring it. */
  jump(): void {
    this.#begin(this.#epoch, this.#head, this.#head);
  }

  /** Starts again in another epoch from where the run began, or from the head where that is now lower. */
  restore(epoch: number, head_seq: number): void {
    this.#begin(epoch, Math.min(this.#floor, head_seq), head_seq);
  }

  #begin(epoch: number, floor: number, head_seq: number): void {
    this.#epoch = epoch;
    this.#floor = floor;
    this.#cursor = floor;
    this.#head = head_seq;
    this.#run = [];
    this.#seqs.clear();
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
    for (const slot of fresh) {
      this.#run.push(slot);
      if (slot.type === "msg") this.#seqs.set(slot.msg_id, slot.seq);
      this.#amend(slot);
    }
    if (fresh.length > 0) {
      this.#lowestHeld = Number.POSITIVE_INFINITY;
      for (const seq of this.#held.keys()) this.#lowestHeld = Math.min(this.#lowestHeld, seq);
    }
    return fresh;
  }

  /** Changes the messages that this event is about, where they are here, up to `until`. */
  #amend(event: Slot, until = Number.POSITIVE_INFINITY): void {
    if (event.type === "skip") return;
    if (event.type === "msg") this.#change(event.reply_to, event, until, (answered) => withReplies(answered, 1));
    if (event.type !== "edit" && event.type !== "delete" && event.type !== "react") return;
    // A deleted message answers nothing any more; a message is deleted once.
    if (event.type === "delete") this.#change(this.message(event.target_msg_id)?.reply_to, event, until, (answered) => withReplies(answered, -1));
    this.#change(event.target_msg_id, event, until, (message) => amended(message, event));
  }

  /** One message, unless it was read with this event's change in it. */
  #change(msg_id: string | undefined, { seq }: ChatEvent, until: number, change: (message: Message) => Message): void {
    const message = msg_id === undefined ? null : this.message(msg_id);
    if (message === null || message.seq > until) return;
    const as_of = this.#as_of.get(message);
    if (seq <= Math.max(message.seq, as_of ?? 0)) return;
    const now = change(message);
    this.#run[this.#indexOf(message.seq)] = now;
    if (as_of !== undefined) this.#as_of.set(now, as_of);
  }

  /** -1 where the run has no such seq. */
  #indexOf(seq: number): number {
    const index = this.#indexFrom(seq);
    return this.#run[index]?.seq === seq ? index : -1;
  }

  /** Of the first event whose seq is not below. */
  #indexFrom(seq: number): number {
    let [low, high] = [0, this.#run.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#run[middle] as Slot).seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
