// Who may see what of a conversation, and who may change its members.
import type { Role } from "../protocol/events.ts";

/** A stay of a user: from the event that let them in to the one that ended it. Nobody sees an event outside their stay. */
export interface Stay {
  user_id: string;
  role: Role;
  joined_seq: number;
  left_seq: number | null;
}

/** The seqs that a stay shows, both ends included; `to` is Infinity while it lasts. */
export function visibleRange(stay: Stay): { from: number; to: number } {
  return { from: stay.joined_seq, to: stay.left_seq ?? Number.POSITIVE_INFINITY };
}

export type MemberDecision =
  | { kind: "refused"; code: "not_found" | "forbidden" | "group_full" }
  | { kind: "unchanged" }
  | { kind: "add" }
  | { kind: "role" }
  | { kind: "remove" };

export interface MemberQuestion {
  /** The acting member's current stay; "service" for the operator; null for a stranger. */
  actor: Stay | "service" | null;
  /** The current stay of the user in question. */
  member: Stay | null;
  direct: boolean;
  members: number;
  max_members: number;
}

/**
 * Adding somebody, or changing a member's role. Owners and admins may add; only an owner gives or takes `admin`.
 * @param role null: the one they have, or `member`
 */
export function decidePutMember(question: MemberQuestion, role: Role | null): MemberDecision {
  const { actor, member, direct, members, max_members } = question;
  if (actor === null) return { kind: "refused", code: "not_found" };
  if (direct) return { kind: "refused", code: "forbidden" };
  const rank = actor === "service" ? "owner" : actor.role;
  if (member !== null) {
    if (role === null || member.role === role) return { kind: "unchanged" };
    return rank === "owner" && member.role !== "owner" ? { kind: "role" } : { kind: "refused", code: "forbidden" };
  }
  if (rank === "member" || (rank === "admin" && role === "admin")) return { kind: "refused", code: "forbidden" };
  if (members >= max_members) return { kind: "refused", code: "group_full" };
  return { kind: "add" };
}

/** Anybody may leave; owners remove anybody, admins remove members. */
export function decideRemoveMember(question: MemberQuestion & { self: boolean }): MemberDecision {
  const { actor, member, direct, self } = question;
  if (actor === null) return { kind: "refused", code: "not_found" };
  if (direct) return { kind: "refused", code: "forbidden" };
  if (member === null) return { kind: "refused", code: "not_found" };
  if (self || actor === "service" || actor.role === "owner") return { kind: "remove" };
  if (actor.role === "admin" && member.role === "member") return { kind: "remove" };
  return { kind: "refused", code: "forbidden" };
}
