// What one device has of one conversation: which events it got, and how far it knows the conversation to reach.
import { Ranges } from "./ranges.ts";

export class View {
  epoch: number;
  /** The conversation is known to reach at least this far. */
  learned = 0;
  /** Everything that was ever shown, over all stays. */
  readonly seen = new Ranges();
  /** The first event of the present stay. */
  private start = 1;

  constructor(epoch: number) {
    this.epoch = epoch;
  }

  /** Everything of this stay up to here was got. */
  get contiguous(): number {
    return this.seen.reach(this.start);
  }

  /** Returns whether it is new. */
  got(seq: number): boolean {
    this.learn(seq);
    return this.seen.add(seq);
  }

  learn(seq: number): void {
    this.learned = Math.max(this.learned, seq);
  }

  /** A stay begins: what was before it is not this one's. */
  joined(seq: number): void {
    this.start = Math.max(this.start, seq);
  }
}
