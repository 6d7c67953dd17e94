// The answers to one text message: each frame of an array is answered for itself, in the array's order.
import type { DownFrame } from "../../protocol/frames/down.ts";

export class Answers {
  private readonly slots: (DownFrame | null | undefined)[];
  private readonly send: (frames: DownFrame[]) => void;
  private readonly done: () => void;
  private next = 0;
  private scheduled = false;

  /** @param done is called once all are answered */
  constructor(frames: number, send: (frames: DownFrame[]) => void, done: () => void = () => undefined) {
    this.slots = Array.from<undefined>({ length: frames });
    this.send = send;
    this.done = done;
  }

  /** @param frame null: this frame has no answer */
  fill(index: number, frame: DownFrame | null): void {
    this.slots[index] = frame;
    if (index !== this.next || this.scheduled) return;
    this.scheduled = true;
    // What is answered in the same turn goes out as one text.
    queueMicrotask(() => this.flush());
  }

  private flush(): void {
    this.scheduled = false;
    const ready: DownFrame[] = [];
    while (this.next < this.slots.length) {
      const frame = this.slots[this.next];
      if (frame === undefined) break;
      if (frame !== null) ready.push(frame);
      this.next += 1;
    }
    if (ready.length > 0) this.send(ready);
    if (this.next === this.slots.length) this.done();
  }
}
