// The REST calls of the API, each as a function of its arguments.
import type { ConversationDetail, ConversationList, CreateBody } from "../protocol/rest.ts";
import { AnyAnswer, DetailAnswer, ListAnswer } from "./answers.ts";
import type { Rest } from "./rest.ts";

const PLACE = "/v1/conversations";
const place = (conversation_id: string) => `${PLACE}/${encodeURIComponent(conversation_id)}`;
const member = (conversation_id: string, user_id: string) => `${place(conversation_id)}/members/${encodeURIComponent(user_id)}`;

export function listConversations(rest: Rest, cursor: string | null, limit = 100): Promise<ConversationList> {
  return rest.call({ method: "GET", path: PLACE, query: { limit, cursor: cursor ?? undefined }, answer: ListAnswer });
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

export async function putMember(rest: Rest, conversation_id: string, user_id: string, role: "admin" | "member"): Promise<void> {
  await rest.call({ method: "PUT", path: member(conversation_id, user_id), body: { role }, answer: AnyAnswer });
}

export async function deleteMember(rest: Rest, conversation_id: string, user_id: string): Promise<void> {
  await rest.call({ method: "DELETE", path: member(conversation_id, user_id), answer: AnyAnswer });
}
