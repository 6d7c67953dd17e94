// What one person has of one conversation: everything up to a seq, and what came ahead of something that is still missing.

export class View {
  epoch: number;
  seq = 0;
  /** Once away from the group: what happened meanwhile is not theirs, so that a page may leave it out. */
  left = false;
  pulling = false;
  private readonly ahead = new Set<number>();

  constructor(epoch: number) {
    this.epoch = epoch;
  }

  /** Is there something ahead? Then a page of history brings what is between. */
  get torn(): boolean {
    return this.ahead.size > 0;
  }

  /** `hole`: history went on behind something that is missing. */
  take(seq: number, fromHistory: boolean): "next" | "ahead" | "known" | "hole" {
    if (seq <= this.seq || (!fromHistory && this.ahead.has(seq))) return "known";
    // The first that is seen begins the view.
    const follows = seq === this.seq + 1 || this.seq === 0 || (fromHistory && this.left);
    if (!follows && !fromHistory) {
      this.ahead.add(seq);
      return "ahead";
    }
    this.seq = seq;
    for (const taken of this.ahead) if (taken <= seq) this.ahead.delete(taken);
    while (this.ahead.delete(this.seq + 1)) this.seq += 1;
    return follows ? "next" : "hole";
  }
}
