// Who may come in by an invitation, and who is kept out.
import type { MemberQuestion, Stay } from "./membership.ts";

/** What an invitation says; `valid`: the secret was the right one. */
export interface Invitation {
  valid: boolean;
  expires_at: number;
  /** The present stay of who made it; "service" for the operator; null: a member no more. */
  creator: Stay | "service" | null;
}

export type Join = { kind: "refused"; code: "invite_invalid" | "group_full" } | { kind: "unchanged" } | { kind: "join" };

/** An invitation holds as long as who made it could add somebody. Whatever is wrong with it, the answer to who is no member is the same. */
export function decideJoin(question: Omit<MemberQuestion, "actor">, invitation: Invitation | null, now: number): Join {
  const invalid = { kind: "refused", code: "invite_invalid" } as const;
  // Whose answer was lost asks again, and may have had the last use.
  if (!question.direct && question.member !== null) return { kind: "unchanged" };
  if (question.direct || invitation === null || !invitation.valid || invitation.expires_at <= now) return invalid;
  const { creator } = invitation;
  if (creator === null || (creator !== "service" && creator.role === "member")) return invalid;
  if (question.banned) return invalid;
  return question.members >= question.max_members ? { kind: "refused", code: "group_full" } : { kind: "join" };
}

export type BanDecision = { kind: "refused"; code: "not_found" | "forbidden" } | { kind: "unchanged" } | { kind: "ban" } | { kind: "remove" };

/** Owners ban anybody but themselves, admins those who are neither owner nor admin. `remove`: they are a member yet. */
export function decideBan({ actor, member, banned, direct }: MemberQuestion): BanDecision {
  if (actor === null) return { kind: "refused", code: "not_found" };
  if (direct) return { kind: "refused", code: "forbidden" };
  const rank = actor === "service" ? "owner" : actor.role;
  const self = actor !== "service" && member !== null && actor.user_id === member.user_id;
  if (rank === "member" || self || (rank === "admin" && member !== null && member.role !== "member")) return { kind: "refused", code: "forbidden" };
  if (member !== null) return { kind: "remove" };
  return banned ? { kind: "unchanged" } : { kind: "ban" };
}
