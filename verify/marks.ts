// Receipts: what each user has seen and said that they have read, and what others were told of it.

export interface Told {
  by: string;
  conversation_id: string;
  user_id: string;
  status: "DELIVERED" | "READ";
  up_to_seq: number;
}

/** What can have moved a user's watermarks in one conversation. */
export interface Basis {
  delivered: number;
  read: number;
}

export class Marks {
  private readonly bases = new Map<string, Basis>();
  /** The furthest of each that anybody was told since the last barrier. */
  private readonly told = new Map<string, Told>();

  /** A receipt goes out, or a message of the user's own is acknowledged, which says the same. */
  moved(conversationId: string, userId: string, status: Told["status"], upTo: number): void {
    const key = `${conversationId} ${userId}`;
    const basis = this.bases.get(key) ?? { delivered: 0, read: 0 };
    this.bases.set(key, basis);
    basis.delivered = Math.max(basis.delivered, upTo);
    if (status === "READ") basis.read = Math.max(basis.read, upTo);
  }

  /** On one connection an older one may come after a newer one, in the answer to a resume: whoever hears it keeps the furthest. */
  heard(told: Told): void {
    const key = `${told.conversation_id} ${told.user_id} ${told.status}`;
    if ((this.told.get(key)?.up_to_seq ?? 0) < told.up_to_seq) this.told.set(key, told);
  }

  /** What anybody was told since the last barrier, the furthest of each, and what can have made it so. Begins anew. */
  close(): { told: Told; basis: Basis }[] {
    const all = [...this.told.values()].map((told) => ({ told, basis: this.bases.get(`${told.conversation_id} ${told.user_id}`) ?? { delivered: 0, read: 0 } }));
    this.told.clear();
    return all;
  }
}
