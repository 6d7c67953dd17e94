// Changes of who is in a conversation: each is an event in the same order as the messages.
import { decidePutMember, decideRemoveMember, type MemberQuestion } from "../../domain/membership.ts";
import type { ConversationDetail } from "../../protocol/rest.ts";
import type { MemberCall, Result } from "../../protocol/rpc.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import type { MemberChange, NewEvent } from "./records.ts";
import { type ConversationState, EventDraft } from "./state.ts";
import type { ConversationStore } from "./store.ts";

/** `events` is empty where nothing changed. */
export type Changed = Result<{ events: NewEvent[] }>;

const EVENT_OF = { add: "member_added", role: "member_role", remove: "member_removed" } as const;

export function putMember(store: ConversationStore, state: ConversationState, call: MemberCall, now: number): Changed {
  const { user_id } = call;
  const decision = decidePutMember(question(state, call), call.role);
  switch (decision.kind) {
    case "refused": return { ok: false, code: decision.code };
    case "unchanged": return { ok: true, events: [] };
    case "add":
    case "role": return commitChanges(store, state, call.actor_id, [{ kind: decision.kind, user_id, role: decision.role }], now);
    case "hand_over": {
      const before = [...state.members.values()].filter((stay) => stay.role === "owner");
      return commitChanges(store, state, call.actor_id, [
        { kind: "role", user_id, role: "owner" },
        ...before.map((stay): MemberChange => ({ kind: "role", user_id: stay.user_id, role: "admin" })),
      ], now);
    }
  }
}

export function removeMember(store: ConversationStore, state: ConversationState, call: Omit<MemberCall, "role">, now: number): Changed {
  const { user_id } = call;
  const decision = decideRemoveMember({ ...question(state, call), self: call.actor_id === user_id }, state.members.values());
  if (decision.kind === "refused") return { ok: false, code: decision.code };
  const { successor } = decision;
  return commitChanges(store, state, call.actor_id, [
    { kind: "remove", user_id, role: "member" },
    ...(successor === null ? [] : [{ kind: "role", user_id: successor, role: "owner" } as const]),
  ], now);
}

/** Each change with its event, all in one commit. */
export function commitChanges(store: ConversationStore, state: ConversationState, actorId: string | null, changes: readonly MemberChange[], now: number): Changed {
  const draft = new EventDraft(state.head, now);
  const from = { sender_id: actorId ?? "service", client_msg_id: null, device_id: null, content_type: null };
  const made = changes.map((change) => {
    const { user_id, role } = change;
    return { change, event: draft.add(EVENT_OF[change.kind], change.kind === "remove" ? { user_id } : { user_id, role }, from) };
  });
  store.commitMembers(made);
  state.advance(draft.events);
  for (const { change, event } of made) {
    const known = state.members.get(change.user_id);
    if (change.kind === "remove") state.members.delete(change.user_id);
    else state.members.set(change.user_id, { user_id: change.user_id, role: change.role, joined_seq: known?.joined_seq ?? event.seq, left_seq: null });
  }
  return { ok: true, events: draft.events };
}

export function describe(store: ConversationStore, state: ConversationState): ConversationDetail {
  const { conversation_id, kind, title, epoch, max_members, location_hint, jurisdiction, encryption, history } = state.record;
  const first = store.readMsgId(1);
  return {
    conversation_id, kind, title, epoch, max_members, location_hint, jurisdiction, encryption, history,
    head_seq: state.head.seq, head_msg_no: state.head.msg_no,
    created_at: first === null ? 0 : sentAtOf(first),
    members: [...state.members.values()].map(({ user_id, role, joined_seq }) => ({ user_id, role, joined_seq })),
  };
}

/** What is asked of a member, in this conversation as it is. */
export function question(state: ConversationState, call: Omit<MemberCall, "role">): MemberQuestion {
  return {
    actor: call.actor_id === null ? "service" : (state.members.get(call.actor_id) ?? null),
    member: state.members.get(call.user_id) ?? null,
    banned: state.banned.has(call.user_id),
    direct: state.record.kind === "direct",
    members: state.members.size,
    max_members: state.record.max_members,
  };
}
