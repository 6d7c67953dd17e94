// What an erased person sent is archived without its content, from whatever copy of a segment it comes.
import { canonicalJson } from "../protocol/canonical.ts";
import type { Event } from "../protocol/events.ts";
import { clockOf, msgIdAt } from "../protocol/msg-id.ts";
import { contentText, ERASED_SALT, type SegmentEvent } from "../protocol/segment.ts";
import { holdsContent, leftOf } from "../domain/erasure.ts";
import type { SealedEvent } from "./plan.ts";
import type { ArchiveStore } from "./stores/store.ts";

/** Users up to which clock (µs) of an event. */
export type Erased = ReadonlyMap<string, number>;

/** Does the event still have content that is to be gone? One that says no more than what is left of it, such as the end of all of
 * somebody's reactions, stays as it is: its conversation keeps it so. */
export function isOwed(event: SegmentEvent, erased: Erased): boolean {
  if (event.salt === ERASED_SALT || clockOf(event.msg_id) > (erased.get(event.sender_id) ?? 0)) return false;
  const left = leftOf(event);
  return left !== null && canonicalJson(left) !== contentText(event);
}

/** The event as a deletion leaves it: of an erasure that no deletion stands for, under an id of its time. */
export function withoutContent(event: SegmentEvent, until: number): SealedEvent {
  const left = leftOf(event);
  if (left === null) throw new Error(`a ${event.type} holds no content`);
  const { conversation_id, epoch, seq, msg_id, sender_id, sent_at, client_msg_id, type } = event;
  const kept = {
    conversation_id, epoch, seq, msg_id, sender_id, sent_at, ...(client_msg_id === undefined ? {} : { client_msg_id }), type,
    ...(event.type === "msg" ? { msg_no: event.msg_no } : {}), ...left,
  } as Event;
  return { event: { ...kept, salt: ERASED_SALT, content_hash: event.content_hash, erased: msgIdAt(until, new Uint8Array(8)) }, body: canonicalJson(left) };
}

export async function readErasedSenders(events: readonly { event: SegmentEvent }[], store: Pick<ArchiveStore, "readErased">): Promise<Erased> {
  const senders = new Set(events.filter(({ event }) => holdsContent(event.type) && event.salt !== ERASED_SALT).map(({ event }) => event.sender_id));
  return senders.size === 0 ? new Map() : store.readErased([...senders]);
}

export function withErasures(events: readonly SealedEvent[], erased: Erased): SealedEvent[] {
  return events.map((sealed) => (isOwed(sealed.event, erased) ? withoutContent(sealed.event, erased.get(sealed.event.sender_id) as number) : sealed));
}
