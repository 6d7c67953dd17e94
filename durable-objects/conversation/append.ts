// Appending messages: one synchronous turn from the look-up of the key to the commit.
import { decideAppend } from "../../domain/append.ts";
import type { AppendAnswer, AppendCall, AppendItem } from "../../protocol/rpc.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import { count } from "../platform/metrics.ts";
import type { Place } from "./encode.ts";
import type { NewEvent } from "./records.ts";
import { type ConversationState, EventDraft } from "./state.ts";
import type { ConversationStore, HeldKey } from "./store.ts";

export interface Appended {
  /** One for each item: its acknowledgement, or why it was refused. */
  answers: AppendAnswer[];
  /** What was committed, in order. */
  events: NewEvent[];
}

/** Each item stands alone; all that are new go in with one commit. */
export function appendItems(store: ConversationStore, state: ConversationState, call: AppendCall, now: number): Appended {
  const place = { conversation_id: state.record.conversation_id, epoch: state.record.epoch };
  const draft = new EventDraft(state.head, now);
  const fresh = new Map<string, NewEvent>();
  const member = state.members.has(call.sender_id);
  const held = member ? store.readKeys(call.sender_id, call.items.map((item) => item.client_msg_id)) : new Map<string, HeldKey>();
  const answers = call.items.map((item): AppendAnswer => {
    if (!member) return { ok: false, code: "not_found" };
    const prior = fresh.get(item.client_msg_id) ?? held.get(item.client_msg_id) ?? null;
    const decision = decideAppend(draft.next, prior?.seq ?? null);
    if (decision.kind === "duplicate" && prior !== null) {
      count("duplicates");
      return { ok: true, ack: { ...ackOf(place, item, prior), dup: true } };
    }
    // What was sent before the block keeps its acknowledgement.
    if (state.record.kind === "direct" && state.banned.has(call.sender_id)) return { ok: false, code: "forbidden" };
    const event = draft.add("msg", { content: item.content, content_type: item.content_type }, {
      sender_id: call.sender_id, client_msg_id: item.client_msg_id, device_id: item.device_id, content_type: item.content_type,
    });
    fresh.set(item.client_msg_id, event);
    return { ok: true, ack: ackOf(place, item, event) };
  });
  if (draft.events.length > 0) {
    store.commitEvents(draft.events);
    state.advance(draft.events);
  }
  count("appends");
  count("appended_events", draft.events.length);
  return { answers, events: draft.events };
}

function ackOf(place: Place, item: AppendItem, event: HeldKey) {
  return {
    type: "ack" as const, client_msg_id: item.client_msg_id, msg_id: event.msg_id, ...place,
    seq: event.seq, status: "SENT" as const, sent_at: sentAtOf(event.msg_id),
  };
}
