// A conversation that writes no inboxes settles nobody, so that no session would queue a push. It says itself who may be worth
// one: a call for each message to those whom it mentions, and one to those who had read all before it. Their sessions decide.
import { decideOffer, type Offered } from "../../domain/push.ts";
import type { Stay } from "../../domain/membership.ts";
import type { PushCall } from "../../protocol/rpc/inbox.ts";
import type { NewEvent } from "./records.ts";

export interface OfferPorts {
  /** Members of whom no session is told of the events themselves. */
  away(): Stay[];
  /** Messages that they have read, or that were there before they joined. */
  readMsgNo(stay: Stay): number;
  push(userId: string, call: PushCall): Promise<void>;
  failed(userId: string, error: unknown): void;
}

/** A call that fails is not made again: the next message that mentions them, or that they come to read, makes up for it. */
export async function offerPushes(conversationId: string, events: readonly NewEvent[], ports: OfferPorts): Promise<void> {
  const messages = events.filter(({ type }) => type === "msg").map((event): Offered => ({
    seq: event.seq, msg_no: event.msg_no, sender_id: event.sender_id, mentions: (JSON.parse(event.body) as { mentions?: string[] }).mentions ?? [],
  }));
  if (messages.length === 0) return;
  await Promise.all(ports.away().map(async (stay) => {
    const { user_id } = stay;
    const read = ports.readMsgNo(stay);
    const seq = decideOffer(user_id, read, messages);
    if (seq === null) return;
    // The first unread message is offered whoever wrote it, because the next one is not; a mention behind it by its writer.
    const isFirst = messages.some((message) => message.seq === seq && read >= message.msg_no - 1);
    const senders = messages.filter(({ mentions }) => mentions.includes(user_id)).map(({ sender_id }) => sender_id);
    try {
      await ports.push(user_id, { conversation_id: conversationId, seq, ...(isFirst ? {} : { senders }) });
    } catch (error) {
      ports.failed(user_id, error);
    }
  }));
}
