// The last client_sequence_number of each sender's device. The rows know them; memory spares the look-up.
import type { ConversationStore } from "./store.ts";

/** Devices; the one that sent longest ago is looked up again. */
const KEPT = 1_000;

export class Numbers {
  private readonly store: ConversationStore;
  private readonly known = new Map<string, number>();

  constructor(store: ConversationStore) {
    this.store = store;
  }

  /** null: this device has not numbered any message here. */
  last(senderId: string, deviceId: string): number | null {
    const known = this.known.get(keyOf(senderId, deviceId));
    if (known !== undefined) return known;
    const last = this.store.messages.readLastNumber(senderId, deviceId);
    if (last !== null) this.note(senderId, deviceId, last);
    return last;
  }

  /** Right after the commit. */
  note(senderId: string, deviceId: string, last: number): void {
    const key = keyOf(senderId, deviceId);
    this.known.delete(key);
    this.known.set(key, last);
    const oldest = this.known.keys().next().value;
    if (this.known.size > KEPT && oldest !== undefined) this.known.delete(oldest);
  }
}

/** Neither id holds a space. */
function keyOf(senderId: string, deviceId: string): string {
  return `${senderId} ${deviceId}`;
}
