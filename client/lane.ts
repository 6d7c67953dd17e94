// One conversation's unacknowledged messages in the client's order. At most one text message of them is on its way:
// nothing later is written before all of it is answered, or a refusal in its middle would let later ones overtake.
import type { Sending } from "./sending.ts";

export class Lane {
  readonly conversation_id: string;
  /** Unacknowledged, in order. */
  readonly queue: Sending[] = [];
  /** Not before this time, ms since 1970. */
  resume_at = 0;
  /** Retryable refusals in a row. */
  refusals = 0;
  /** Times in a row that nothing came. */
  timeouts = 0;
  /** Cancels the wait for answers or for `resume_at`. */
  cancelTimer: () => void = () => undefined;

  constructor(conversation_id: string) {
    this.conversation_id = conversation_id;
  }

  /** Something is written and unanswered. */
  get flying(): boolean {
    return this.queue.some((sending) => sending.flying);
  }

  add(sending: Sending): void {
    const position = sending.message.position;
    if (position > (this.queue.at(-1)?.message.position ?? 0)) {
      this.queue.push(sending);
      return;
    }
    const behind = this.queue.findIndex((other) => other.message.position > position);
    if (behind === -1) this.queue.push(sending);
    else this.queue.splice(behind, 0, sending);
  }

  remove(sending: Sending): void {
    const index = this.queue.indexOf(sending);
    if (index !== -1) this.queue.splice(index, 1);
  }

  /** The socket is gone, or never answers: all of it is to be written again. Answers how many were on their way. */
  land(): number {
    const flown = this.queue.filter((sending) => sending.flying);
    for (const sending of flown) sending.flying = false;
    return flown.length;
  }
}

/** What goes into one text message: at most `count` messages and `bytes` in all, a first one that is larger alone. */
export interface Room {
  count: number;
  bytes: number;
}

/** Bytes between the frames of an array, and around them. */
const SEPARATOR = 1;

/**
 * The messages of the next text message, from lanes that may write. A lane that does not fit entirely waits: what is left
 * of it may only follow once this part is answered.
 *
 * @param size bytes of a message's frame
 */
export function planBatch(lanes: Iterable<Lane>, room: Room, size: (sending: Sending) => number): Sending[] {
  const batch: Sending[] = [];
  let bytes = 2;
  for (const lane of lanes) {
    for (const sending of lane.queue) {
      const more = size(sending) + SEPARATOR;
      if (batch.length >= room.count) return batch;
      if (bytes + more > room.bytes && batch.length > 0) break;
      bytes += more;
      batch.push(sending);
    }
  }
  return batch;
}
