// Who may see what of a conversation, and who may change its members.
import type { History, Role } from "../protocol/events.ts";

/** A stay of a user: from the event that let them in to the one that ended it. Nobody sees an event outside their stay. */
export interface Stay {
  user_id: string;
  role: Role;
  joined_seq: number;
  left_seq: number | null;
}

/**
 * The seqs that a stay shows, both ends included; `to` is Infinity while it lasts.
 * @param history the conversation's own setting: what was there before somebody joined is hidden from them, or shown
 */
export function visibleRange(stay: Stay, history: History): { from: number; to: number } {
  return { from: history === "all" ? 1 : stay.joined_seq, to: stay.left_seq ?? Number.POSITIVE_INFINITY };
}

type Refused = { kind: "refused"; code: "not_found" | "forbidden" | "group_full" };

/** `hand_over`: the member becomes the owner, and the owners of before become admins. */
export type PutMember = Refused | { kind: "unchanged" } | { kind: "add"; role: Role } | { kind: "role"; role: Role } | { kind: "hand_over" };

/** `successor`: who is the owner from then on, where the last owner goes and somebody stays. */
export type RemoveMember = Refused | { kind: "remove"; successor: string | null };

export interface MemberQuestion {
  /** The acting member's current stay; "service" for the operator; null for a stranger. */
  actor: Stay | "service" | null;
  /** The current stay of the user in question. */
  member: Stay | null;
  /** May not come back until it is lifted. */
  banned: boolean;
  direct: boolean;
  members: number;
  max_members: number;
}

/**
 * Adding somebody, or changing a member's role. Owners and admins may add; only an owner gives or takes `admin`, or hands
 * the group over to another member.
 * @param role null: the one they have, or `member`
 */
export function decidePutMember(question: MemberQuestion, role: Role | null): PutMember {
  const { actor, member, banned, direct, members, max_members } = question;
  if (actor === null) return { kind: "refused", code: "not_found" };
  if (direct) return { kind: "refused", code: "forbidden" };
  const rank = actor === "service" ? "owner" : actor.role;
  if (member !== null) {
    if (role === null || member.role === role) return { kind: "unchanged" };
    if (rank !== "owner" || member.role === "owner") return { kind: "refused", code: "forbidden" };
    return role === "owner" ? { kind: "hand_over" } : { kind: "role", role };
  }
  // Only the service can: everybody has left, and a group has an owner.
  if (members === 0 && !banned) return { kind: "add", role: "owner" };
  if (rank === "member" || (rank === "admin" && role === "admin") || role === "owner" || banned) return { kind: "refused", code: "forbidden" };
  if (members >= max_members) return { kind: "refused", code: "group_full" };
  return { kind: "add", role: role ?? "member" };
}

/** Anybody may leave; owners remove anybody, admins remove members. A group is never without an owner while it has members. */
export function decideRemoveMember(question: MemberQuestion & { self: boolean }, others: Iterable<Stay>): RemoveMember {
  const { actor, member, direct, self } = question;
  if (actor === null) return { kind: "refused", code: "not_found" };
  if (direct) return { kind: "refused", code: "forbidden" };
  if (member === null) return { kind: "refused", code: "not_found" };
  const may = self || actor === "service" || actor.role === "owner" || (actor.role === "admin" && member.role === "member");
  if (!may) return { kind: "refused", code: "forbidden" };
  return { kind: "remove", successor: member.role === "owner" ? successorOf(member, others) : null };
}

const RANK: Record<Role, number> = { owner: 0, admin: 1, member: 2 };

/** The admin who has been there longest, or else the member who has; null: there is another owner, or nobody. */
function successorOf(leaver: Stay, members: Iterable<Stay>): string | null {
  const [first] = [...members]
    .filter((stay) => stay.user_id !== leaver.user_id)
    .toSorted((a, b) => RANK[a.role] - RANK[b.role] || a.joined_seq - b.joined_seq || (a.user_id < b.user_id ? -1 : 1));
  return first === undefined || first.role === "owner" ? null : first.user_id;
}

/** Title, invitations and the like: owners and admins, never in a direct conversation. */
export function decideManage(actor: Stay | "service" | null, direct: boolean): Refused | { kind: "may" } {
  if (actor === null) return { kind: "refused", code: "not_found" };
  if (direct || (actor !== "service" && actor.role === "member")) return { kind: "refused", code: "forbidden" };
  return { kind: "may" };
}
