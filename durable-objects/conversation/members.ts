// Changes of who is in a conversation, and of its title: each is an event in the same order as the messages.
import { decidePutMember, decideRemoveMember, type MemberQuestion } from "../../domain/membership.ts";
import type { ConversationDetail } from "../../protocol/rest.ts";
import type { MemberCall, Result } from "../../protocol/rpc.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import type { MemberChange, NewEvent } from "./records.ts";
import { type ConversationState, EventDraft } from "./state.ts";
import type { ConversationStore } from "./store.ts";

/** `event` is null where nothing changed. */
type Changed = Result<{ event: NewEvent | null }>;

export function putMember(store: ConversationStore, state: ConversationState, call: MemberCall, now: number): Changed {
  const decision = decidePutMember(question(state, call), call.role);
  if (decision.kind === "refused") return { ok: false, code: decision.code };
  if (decision.kind !== "add" && decision.kind !== "role") return { ok: true, event: null };
  const type = decision.kind === "add" ? "member_added" : "member_role";
  return commit(store, state, call, { kind: decision.kind, user_id: call.user_id, role: call.role ?? "member" }, type, now);
}

export function removeMember(store: ConversationStore, state: ConversationState, call: Omit<MemberCall, "role">, now: number): Changed {
  const decision = decideRemoveMember({ ...question(state, call), self: call.actor_id === call.user_id });
  if (decision.kind === "refused") return { ok: false, code: decision.code };
  return commit(store, state, call, { kind: "remove", user_id: call.user_id, role: "member" }, "member_removed", now);
}

function commit(
  store: ConversationStore, state: ConversationState, call: Omit<MemberCall, "role">, change: MemberChange,
  type: "member_added" | "member_role" | "member_removed", now: number,
): Changed {
  const draft = new EventDraft(state.head, now);
  const body = type === "member_removed" ? { user_id: change.user_id } : { user_id: change.user_id, role: change.role };
  const event = draft.add(type, body, { sender_id: call.actor_id ?? "service", client_msg_id: null, device_id: null, content_type: null });
  store.commitMember(change, event);
  state.advance(draft.events);
  const known = state.members.get(change.user_id);
  if (change.kind === "remove") state.members.delete(change.user_id);
  else state.members.set(change.user_id, { user_id: change.user_id, role: change.role, joined_seq: known?.joined_seq ?? event.seq, left_seq: null });
  return { ok: true, event };
}

export function rename(store: ConversationStore, state: ConversationState, actorId: string, title: string, now: number): Changed {
  const actor = state.members.get(actorId);
  if (actor === undefined) return { ok: false, code: "not_found" };
  if (state.record.kind === "direct" || actor.role === "member") return { ok: false, code: "forbidden" };
  if (state.record.title === title) return { ok: true, event: null };
  const draft = new EventDraft(state.head, now);
  const event = draft.add("title", { title }, { sender_id: actorId, client_msg_id: null, device_id: null, content_type: null });
  store.commitTitle(title, event);
  state.advance(draft.events);
  state.record.title = title;
  return { ok: true, event };
}

export function describe(store: ConversationStore, state: ConversationState): ConversationDetail {
  const { conversation_id, kind, title, epoch, max_members, location_hint, jurisdiction, encryption } = state.record;
  const first = store.readMsgId(1);
  return {
    conversation_id, kind, title, epoch, max_members, location_hint, jurisdiction, encryption,
    head_seq: state.head.seq, head_msg_no: state.head.msg_no,
    created_at: first === null ? 0 : sentAtOf(first),
    members: [...state.members.values()].map(({ user_id, role, joined_seq }) => ({ user_id, role, joined_seq })),
  };
}

function question(state: ConversationState, call: Omit<MemberCall, "role">): MemberQuestion {
  return {
    actor: call.actor_id === null ? "service" : (state.members.get(call.actor_id) ?? null),
    member: state.members.get(call.user_id) ?? null,
    direct: state.record.kind === "direct",
    members: state.members.size,
    max_members: state.record.max_members,
  };
}
