// What is counted between two moments.
import { Samples } from "../samples.ts";

export class Tally {
  /** ms on the machine's clock */
  readonly from: number;
  readonly to: number;
  /** Of all units of all connections, both ways. */
  bytes = 0;
  readonly ack = new Samples();
  readonly delivery = new Samples();

  constructor(from: number, to: number) {
    this.from = from;
    this.to = to;
  }

  /** Is this moment counted? */
  covers(at: number): boolean {
    return at >= this.from && at < this.to;
  }
}

export const NOTHING = new Tally(0, 0);
