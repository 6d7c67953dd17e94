// What anybody was told of a receipt: its giver has had that much and said so, and it is never taken back.
import type { Basis, Told } from "../marks.ts";
import type { Violations } from "../violation.ts";

export interface Heard {
  told: Told;
  basis: Basis;
}

const RANKS = { SENT: 0, DELIVERED: 1, READ: 2 } as const;
export type Rank = keyof typeof RANKS;

export function checkReceipts(violations: Violations, heard: readonly Heard[], labelOf: (id: string) => string | undefined): void {
  for (const { told, basis } of heard) {
    const { user_id, status, up_to_seq, by, conversation_id } = told;
    if (up_to_seq <= (status === "READ" ? basis.read : basis.delivered)) continue;
    violations.add("receipt", `${by} was told that ${user_id} has ${status} up to ${up_to_seq} of ${labelOf(conversation_id) ?? conversation_id}`, [
      `what ${user_id} sent says delivered ${basis.delivered}, read ${basis.read}`,
    ]);
  }
}

/** @param ranks by user: what is answered of a message at `seq`, asked after all of it was told */
export function checkStored(violations: Violations, label: string, seq: number, heard: readonly Heard[], ranks: ReadonlyMap<string, Rank>): void {
  for (const { told: { user_id, status, up_to_seq, by } } of heard) {
    const rank = ranks.get(user_id);
    if (up_to_seq < seq || rank === undefined || RANKS[rank] >= RANKS[status]) continue;
    violations.add("regressed", `${user_id} has ${rank} seq ${seq} of ${label}, and was told of as having ${status} up to ${up_to_seq}`, [`told to ${by}`]);
  }
}
