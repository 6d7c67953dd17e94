// Creating conversations: a group is an event of its own, a direct conversation starts with its first message.
import type { CreateCall } from "../../protocol/rpc.ts";
import { isDirect } from "../../protocol/ids.ts";
import type { Jurisdiction } from "../../protocol/ids.ts";
import { randomBytes } from "../platform/hash.ts";
import { type ConversationState, EventDraft } from "./state.ts";
import type { ConversationStore } from "./store.ts";

const EMPTY = { seq: 0, msg_no: 0, clock: 0 };

/** The members stand from before the first message, so both see all of it. */
export function createDirect(store: ConversationStore, conversationId: string, pair: readonly [string, string], jurisdiction: Jurisdiction | null): void {
  if (!isDirect(conversationId)) throw new Error("only direct conversations start with a message");
  const users = [...new Set(pair)];
  store.commitCreation(
    { conversation_id: conversationId, kind: "direct", title: null, epoch: 1, max_members: 2, location_hint: null, jurisdiction, encryption: "none", cursor_key: randomBytes(16), history: "joined", mode: "write" },
    users.map((user_id) => ({ user_id, role: "member", joined_seq: 1, left_seq: null })),
    [],
  );
}

export function createGroup(store: ConversationStore, call: CreateCall, now: number): void {
  const members = [
    { user_id: call.creator_id, role: "owner" as const },
    ...call.members.filter((user_id) => user_id !== call.creator_id).map((user_id) => ({ user_id, role: "member" as const })),
  ];
  const draft = new EventDraft(EMPTY, now);
  const { title, max_members, location_hint, jurisdiction, encryption = "none" } = call;
  draft.add("created", { kind: "group", title, members, max_members, location_hint, jurisdiction, ...(encryption === "none" ? {} : { encryption }) }, {
    sender_id: call.creator_id, client_msg_id: null, device_id: null, content_type: null,
  });
  store.commitCreation(
    { conversation_id: call.conversation_id, kind: "group", title, epoch: 1, max_members, location_hint, jurisdiction, encryption, cursor_key: randomBytes(16), history: "joined", mode: "write" },
    members.map((member) => ({ ...member, joined_seq: 1, left_seq: null })),
    draft.events,
  );
}

/** By its creator, who is still in it. */
export function isSameCreation(store: ConversationStore, { members }: ConversationState, { creator_id }: Pick<CreateCall, "creator_id">): boolean {
  return store.readEvent(1)?.sender_id === creator_id && members.has(creator_id);
}
