// What one device has of one conversation: which events it got, and how far it knows the conversation to reach.

export class View {
  epoch: number;
  /** Everything up to here was got. */
  contiguous = 0;
  /** The conversation is known to reach at least this far. */
  learned = 0;
  private readonly ahead = new Set<number>();

  constructor(epoch: number) {
    this.epoch = epoch;
  }

  got(seq: number): void {
    this.learn(seq);
    if (seq > this.contiguous) this.ahead.add(seq);
    while (this.ahead.delete(this.contiguous + 1)) this.contiguous += 1;
  }

  learn(seq: number): void {
    this.learned = Math.max(this.learned, seq);
  }
}
