// The REST calls of the API, each as a function of its arguments.
import type { Role } from "../protocol/events.ts";
import type { ConversationDetail, CreateBody } from "../protocol/rest.ts";
import { AnyAnswer, ChangesAnswer, DetailAnswer, FramesAnswer, ListAnswer, PollAnswer, ReceiptsAnswer, Row } from "./answers.ts";
import type { ConversationRow } from "../protocol/frames/inbox.ts";
import type { Rest } from "./rest.ts";

const PLACE = "/v1/conversations";
const place = (conversation_id: string) => `${PLACE}/${encodeURIComponent(conversation_id)}`;
const member = (conversation_id: string, user_id: string) => `${place(conversation_id)}/members/${encodeURIComponent(user_id)}`;

export function listConversations(rest: Rest, cursor: string | null, limit = 100): Promise<ListAnswer> {
  return rest.call({ method: "GET", path: PLACE, query: { limit, cursor: cursor ?? undefined }, answer: ListAnswer });
}

export function poll(rest: Rest, device_id: string, user_seq: number, wait: number, signal: AbortSignal): Promise<PollAnswer> {
  return rest.call({ method: "GET", path: "/v1/poll", query: { user_seq, wait, device_id }, held_ms: wait, answer: PollAnswer, signal });
}

export function postFrames(rest: Rest, device_id: string, frames: readonly object[], signal: AbortSignal): Promise<Pick<PollAnswer, "frames">> {
  return rest.call({ method: "POST", path: "/v1/frames", query: { device_id }, body: frames, answer: FramesAnswer, signal });
}

/** @param since a user_seq */
export function changedConversations(rest: Rest, since: number): Promise<ChangesAnswer> {
  return rest.call({ method: "GET", path: PLACE, query: { since }, answer: ChangesAnswer });
}

/** This user's own mute and archive; the row as it is then. */
export function patchInbox(rest: Rest, conversation_id: string, body: { muted?: boolean; archived?: boolean }): Promise<ConversationRow> {
  return rest.call({ method: "PATCH", path: `/v1/inbox/${encodeURIComponent(conversation_id)}`, body, answer: Row });
}

export function readReceipts(rest: Rest, conversation_id: string, msg_id: string): Promise<ReceiptsAnswer> {
  return rest.call({ method: "GET", path: `${place(conversation_id)}/receipts`, query: { msg_id }, answer: ReceiptsAnswer });
}

export function describeConversation(rest: Rest, conversation_id: string): Promise<ConversationDetail> {
  return rest.call({ method: "GET", path: place(conversation_id), answer: DetailAnswer });
}

export function createGroup(rest: Rest, body: Omit<CreateBody, "kind">): Promise<ConversationDetail> {
  return rest.call({ method: "POST", path: PLACE, body: { kind: "group", ...body }, answer: DetailAnswer });
}

export async function renameConversation(rest: Rest, conversation_id: string, title: string): Promise<void> {
  await rest.call({ method: "PATCH", path: place(conversation_id), body: { title }, answer: AnyAnswer });
}

export async function putMember(rest: Rest, conversation_id: string, user_id: string, role: Role | undefined): Promise<void> {
  await rest.call({ method: "PUT", path: member(conversation_id, user_id), body: { role }, answer: AnyAnswer });
}

export async function deleteMember(rest: Rest, conversation_id: string, user_id: string): Promise<void> {
  await rest.call({ method: "DELETE", path: member(conversation_id, user_id), answer: AnyAnswer });
}
