// From an event's row to its line in a segment.
import { ERASED_SALT, type SegmentEvent } from "../../protocol/segment.ts";
import { toHex } from "../platform/hash.ts";
import { hashOf, type Place, toEvent } from "./encode.ts";
import { erasedBy, isErased, remainsOf } from "./erasure.ts";
import type { EventRecord } from "./records.ts";
import type { ConversationStore } from "./store.ts";

export function toSegmentEvent(store: ConversationStore, place: Place, row: EventRecord): SegmentEvent {
  const event = toEvent(place, row);
  if (isErased(row)) return { ...event, salt: ERASED_SALT, content_hash: toHex(row.content_hash as Uint8Array), erased: erasedBy(store, row) };
  const sealing = { salt: toHex(row.salt as Uint8Array), content_hash: hashOf(event, row) };
  return event.type === "delete" ? { ...event, ...sealing, erases: remainsOf(store, row) } : { ...event, ...sealing };
}
