// Who asks, in every test of who may.

/** Past the door of users. `blocked` stands in a direct conversation with the owner, who has blocked them; all others before the same group. */
export const USERS = ["stranger", "blocked", "removed", "banned", "member", "admin", "owner"] as const;
/** `expired`: the owner, with a token whose time is over. `deactivated` and `revoked` were users until the operator said otherwise. */
export const ACTORS = ["anonymous", "expired", "deactivated", "revoked", ...USERS, "service", "archiver"] as const;
export type UserActor = (typeof USERS)[number];
export type Actor = (typeof ACTORS)[number];

/** What an operation is done to. */
export interface Place {
  conversation_id: string;
  /** A message of the member; in the direct conversation one of the owner. */
  msg_id: string;
  /** Its seq. */
  seq: number;
  /** Of another message there, with a file. */
  media_key: string;
  /** The one who asks, and the one whom they ask about: the other member of the conversation. */
  self: string;
  other: string;
  /** A registered user who is in none of these conversations. */
  outsider: string;
  /** Somebody whom the group keeps out. */
  banned: string;
  /** An invitation to the group. */
  invite: { invite_id: string; token: string };
  /** A name that no other test has, for keys. */
  key: string;
}

export type Answers<Name extends string> = Readonly<Record<Name, string>>;

/** Members get `ok`, and so does a blocked one, who may still read. Who is none finds nothing. */
export function readers(ok: string): Answers<UserActor> {
  return { stranger: "404 not_found", removed: "404 not_found", banned: "404 not_found", blocked: ok, member: ok, admin: ok, owner: ok };
}

/** Owner and admin get `ok`; members may not, and a direct conversation has nothing to manage. */
export function managers(ok: string): Answers<UserActor> {
  return { ...readers(ok), blocked: "403 forbidden", member: "403 forbidden" };
}

/** Members get `ok`, but a blocked one may not write. */
export function writers(ok: string): Answers<UserActor> {
  return { ...readers(ok), blocked: "403 forbidden" };
}

export function everybody(answer: string): Answers<UserActor> {
  return { stranger: answer, removed: answer, banned: answer, blocked: answer, member: answer, admin: answer, owner: answer };
}
