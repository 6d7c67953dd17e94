// Own messages that are not part of their conversation's run yet: waiting, failed, or acknowledged ahead of events that
// are still to come. With the run they make up all that a person sees.
import type { Cursor } from "../protocol/frames/sync.ts";
import type { Sending } from "./sending.ts";

export class Unsettled {
  readonly #byConversation = new Map<string, Set<Sending>>();

  /** In the client's order. */
  of(conversation_id: string): readonly Sending[] {
    return [...(this.#byConversation.get(conversation_id) ?? [])].toSorted((a, b) => a.message.position - b.message.position);
  }

  /** @param cursor what the run has come to, or null while there is none */
  put(conversation_id: string, sending: Sending, cursor: Cursor | null): void {
    if (cursor !== null && isSettled(sending, cursor)) {
      this.remove(conversation_id, sending);
      return;
    }
    const set = this.#byConversation.get(conversation_id) ?? new Set();
    this.#byConversation.set(conversation_id, set.add(sending));
  }

  remove(conversation_id: string, sending: Sending): void {
    const set = this.#byConversation.get(conversation_id);
    if (set?.delete(sending) === true && set.size === 0) this.#byConversation.delete(conversation_id);
  }

  /** The run has come to `cursor`: what it holds now is settled. */
  settle(conversation_id: string, cursor: Cursor): void {
    for (const sending of this.#byConversation.get(conversation_id) ?? []) {
      if (isSettled(sending, cursor)) this.remove(conversation_id, sending);
    }
  }
}

function isSettled({ ack }: Sending, { epoch, seq }: Cursor): boolean {
  return ack !== null && (ack.epoch !== epoch || ack.seq <= seq);
}
