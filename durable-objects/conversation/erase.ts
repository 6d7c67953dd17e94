// The operator deletes a message, in nobody's name.
import { SERVICE_ID } from "../../protocol/ids.ts";
import type { Refusal, Result } from "../../protocol/rpc.ts";
import { type ChangePorts, Changes } from "./changes.ts";
import type { Opened } from "./opened.ts";
import type { NewEvent } from "./records.ts";
import { type ConversationState, EventDraft } from "./state.ts";
import type { ConversationStore } from "./store.ts";

/** `event`: null where it was deleted already. `erased`: the seqs whose content is gone. */
export function eraseMessage(
  store: ConversationStore, state: ConversationState, msgId: string, ports: ChangePorts, now: number,
): { ok: true; event: NewEvent | null; erased: number[] } | Refusal {
  const draft = new EventDraft(state.head, now);
  const changes = new Changes(store, state, draft, ports, now);
  const item = { type: "delete" as const, target_msg_id: msgId, client_msg_id: "", device_id: null };
  const decision = changes.decide("service", item);
  if (decision.kind === "refused") return { ok: false, code: decision.code };
  if (decision.kind === "standing") return { ok: true, event: null, erased: [] };
  return store.sql.transaction(() => {
    const event = changes.add(item, decision, { sender_id: SERVICE_ID, client_msg_id: null, device_id: null });
    store.commitEvents(draft.events);
    const erased = changes.commit(item, decision, event);
    state.advance(draft.events);
    return { ok: true, event, erased };
  });
}

/** The same, and who has the message is told. */
export function eraseTold(store: ConversationStore, { state, fanout }: Opened, msgId: string, ports: ChangePorts, now: number): Result<{ changed: boolean }> {
  const result = eraseMessage(store, state, msgId, ports, now);
  if (!result.ok) return result;
  if (result.erased.length > 0) fanout.forget(result.erased);
  if (result.event !== null) fanout.committed([result.event], null, false);
  return { ok: true, changed: result.event !== null };
}
