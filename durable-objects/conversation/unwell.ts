// What is said of a conversation that is not open here. Who is of it learns that it waits to be restored; a stranger, and who was
// removed, no more than of one that never was.
import type { AppendCall, AppendReply, Refusal } from "../../protocol/rpc.ts";

export const ABSENT = { ok: false, code: "not_found" } as const;

/** Something that it had is gone: until it is restored nothing is appended. */
export const NEEDS_RESTORE = { ok: false, code: "needs_restore", retry_after_ms: 10_000 } as const;

export interface UnwellPorts {
  /** Its storage is not to be used, or is being filled again. */
  ill: boolean;
  /** Who is of it, by what is still there; null where nothing is. */
  members: Pick<ReadonlyMap<string, unknown>, "has"> | null;
  /** Does this user's own inbox have it, as a member's? */
  inInbox: (userId: string) => Promise<boolean>;
}

/** @param userId null: the operator, or a part of the deployment */
export async function absentTo(userId: string | null, { ill, members, inInbox }: UnwellPorts): Promise<Refusal> {
  if (!ill) return ABSENT;
  const known = userId === null || (members === null ? await inInbox(userId) : members.has(userId));
  return known ? NEEDS_RESTORE : ABSENT;
}

/** Whoever may begin a direct conversation is one of its two. */
export async function refuseAppend({ create, sender_id, items }: AppendCall, ports: UnwellPorts): Promise<AppendReply> {
  const refusal = create === null ? await absentTo(sender_id, ports) : NEEDS_RESTORE;
  return refusal.code === "not_found" ? { kind: "absent" } : { kind: "answers", answers: items.map(() => refusal) };
}
