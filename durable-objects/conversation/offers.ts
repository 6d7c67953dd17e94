// A conversation that writes no inboxes settles nobody, so that no session would queue a push. With each round in which those who
// are there are told, it says itself who else may be worth one. Decided from stored receipts: a round that a crash has ended is made
// again and decides the same, and sessions take what they have heard of once.
import { decideOffer, type Offered } from "../../domain/push.ts";
import type { Stay } from "../../domain/membership.ts";
import type { PushCall } from "../../protocol/rpc/inbox.ts";

export interface OfferPorts {
  /** Members of whom no session is told of the events themselves. */
  away(): Stay[];
  /** Messages that they have read, or that were there before they joined. */
  readMsgNo(stay: Stay): number;
  push(userId: string, call: PushCall): Promise<void>;
  failed(userId: string, error: unknown): void;
}

/** Gives the users with whom the outcome is unknown: they are owed a settle, with which their session decides. */
export async function offerPushes(conversationId: string, messages: readonly Offered[], ports: OfferPorts): Promise<string[]> {
  const failed: string[] = [];
  if (messages.length === 0) return failed;
  await Promise.all(ports.away().map(async (stay) => {
    const offer = decideOffer(stay.user_id, ports.readMsgNo(stay), messages);
    if (offer === null) return;
    try {
      await ports.push(stay.user_id, { conversation_id: conversationId, ...offer });
    } catch (error) {
      ports.failed(stay.user_id, error);
      failed.push(stay.user_id);
    }
  }));
  return failed;
}
