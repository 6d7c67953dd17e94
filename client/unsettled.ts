// Own messages that are not part of their conversation's run yet: waiting, failed, or acknowledged ahead of events that
// are still to come. With the run they make up all that a person sees.
import type { Cursor } from "../protocol/frames/sync.ts";
import type { Sending } from "./sending.ts";

export class Unsettled {
  readonly #byConversation = new Map<string, Sending[]>();

  /** In the client's order. */
  of(conversation_id: string): readonly Sending[] {
    return this.#byConversation.get(conversation_id) ?? [];
  }

  put(conversation_id: string, sending: Sending): void {
    const others = this.of(conversation_id).filter((other) => other !== sending);
    const behind = others.findIndex((other) => other.message.position > sending.message.position);
    this.#byConversation.set(conversation_id, others.toSpliced(behind === -1 ? others.length : behind, 0, sending));
  }

  remove(conversation_id: string, sending: Sending): void {
    this.#keep(conversation_id, (other) => other !== sending);
  }

  /** The run has come to `cursor`: what it holds now is settled. */
  settle(conversation_id: string, { epoch, seq }: Cursor): void {
    this.#keep(conversation_id, ({ ack }) => ack === null || (ack.epoch === epoch && ack.seq > seq));
  }

  #keep(conversation_id: string, test: (sending: Sending) => boolean): void {
    const left = this.of(conversation_id).filter(test);
    if (left.length === 0) this.#byConversation.delete(conversation_id);
    else this.#byConversation.set(conversation_id, left);
  }
}
