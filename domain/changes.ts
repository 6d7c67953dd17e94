// Who may edit, delete or react to a message, and when. A message that the actor may not see is absent to them.
import type { History } from "../protocol/events.ts";
import { EDITS, EMOJIS } from "../protocol/limits.ts";
import { type Stay, visibleRange } from "./membership.ts";

/** The event that a change aims at. `sent_at` in ms. */
export interface Target {
  seq: number;
  type: string;
  sender_id: string;
  sent_at: number;
  /** The event that deleted it. */
  deleted_seq: number | null;
}

export interface ChangeQuestion {
  /** The acting member's stay; "service" for the operator. */
  actor: Stay | "service";
  /** null: there is no such event. */
  target: Target | null;
  direct: boolean;
  history: History;
}

export type ChangeDecision =
  | { kind: "refused"; code: "not_found" | "forbidden" | "edit_window_closed" | "bad_frame"; message?: string }
  /** It is so already: by the event of this seq, or since the message was sent. */
  | { kind: "standing"; seq: number }
  | { kind: "accepted"; target: Target };

const ABSENT = { kind: "refused", code: "not_found" } as const;

/** The message in question, where the actor can see one. */
function visible({ actor, target, history }: ChangeQuestion): Target | null {
  if (target === null || target.type !== "msg") return null;
  if (actor === "service") return target;
  const { from, to } = visibleRange(actor, history);
  return target.seq >= from && target.seq <= to ? target : null;
}

/**
 * Only its sender edits a message, within the window.
 * @param edits how often it was edited
 * @param windowMs 0 for ever
 */
export function decideEdit(question: ChangeQuestion, edits: number, windowMs: number, now: number): ChangeDecision {
  const target = visible(question);
  if (target === null || target.deleted_seq !== null) return ABSENT;
  if (question.actor === "service" || target.sender_id !== question.actor.user_id) return { kind: "refused", code: "forbidden" };
  if (windowMs > 0 && now - target.sent_at > windowMs) return { kind: "refused", code: "edit_window_closed" };
  if (edits >= EDITS) return { kind: "refused", code: "edit_window_closed", message: `The message was edited ${EDITS} times.` };
  return { kind: "accepted", target };
}

/** Its sender deletes a message; in a group also owners and admins; and the operator. */
export function decideDelete(question: ChangeQuestion): ChangeDecision {
  const target = visible(question);
  if (target === null) return ABSENT;
  const { actor, direct } = question;
  const may = actor === "service" || target.sender_id === actor.user_id || (!direct && actor.role !== "member");
  if (!may) return { kind: "refused", code: "forbidden" };
  return target.deleted_seq === null ? { kind: "accepted", target } : { kind: "standing", seq: target.deleted_seq };
}

/**
 * Reactions are a set by user and emoji.
 * @param standing the seq of this very reaction, while it stands
 * @param emojis the different ones on the message, this one left out
 */
export function decideReact(question: ChangeQuestion, on: boolean, standing: number | null, emojis: number): ChangeDecision {
  const target = visible(question);
  if (target === null || target.deleted_seq !== null) return ABSENT;
  if (on && standing !== null) return { kind: "standing", seq: standing };
  if (!on && standing === null) return { kind: "standing", seq: target.seq };
  if (on && emojis >= EMOJIS) return { kind: "refused", code: "bad_frame", message: `The message has ${EMOJIS} different reactions.` };
  return { kind: "accepted", target };
}

/** May a message answer this one? Also a deleted one, which keeps its place. */
export function decideReply(question: ChangeQuestion): ChangeDecision {
  const target = visible(question);
  return target === null ? ABSENT : { kind: "accepted", target };
}
