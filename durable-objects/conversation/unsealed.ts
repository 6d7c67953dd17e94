// Events as they would be sealed, for a restore that must not lose what no segment has yet.
import { RESTORE_BYTES, RESTORE_EVENTS } from "../../protocol/restore-calls.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import { toSegmentEvent } from "./segment-line.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";

/** From `from` on, dense, while their bodies are there; at least one where there is any. */
export function readUnsealed(store: ConversationStore, state: ConversationState, from: number): SegmentEvent[] {
  const rows = store.readRange(from, state.head.seq, RESTORE_EVENTS, "asc");
  const events: SegmentEvent[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (row.body === null) break;
    bytes += row.body.length * 3;
    if (events.length > 0 && bytes > RESTORE_BYTES) break;
    events.push(toSegmentEvent(store, state.record, row));
  }
  return events;
}
