// Who is there: sessions with a device that has the conversation open, and in large groups all that are online. Leases,
// so that a session that died without a word is forgotten.
import type { FanoutMode } from "../../protocol/frames/inbox.ts";
import type { DeliverReply } from "../../protocol/rpc.ts";
import type { AttachedRecord } from "./records.ts";
import type { AttachedStore } from "./store/attached.ts";

export class Attached {
  private readonly rows: Map<string, AttachedRecord>;
  /** Learned from replies; stored with the next commit. */
  private readonly unsaved = new Set<string>();
  private readonly store: AttachedStore;

  constructor(store: AttachedStore) {
    this.store = store;
    this.rows = new Map(store.read().map((row) => [row.user_id, row]));
  }

  get size(): number {
    return this.rows.size;
  }

  /** Users of whom a device has the conversation open. */
  viewers(now: number): string[] {
    return [...this.rows.values()].filter((row) => row.viewing && row.until > now).map((row) => row.user_id);
  }

  /** Everybody who is to be told in this mode. */
  audience(mode: FanoutMode, now: number): AttachedRecord[] {
    return [...this.rows.values()].filter((row) => this.wants(row.user_id, mode, now));
  }

  wants(userId: string, mode: FanoutMode, now: number): boolean {
    const row = this.rows.get(userId);
    return row !== undefined && row.until > now && (row.viewing || mode === "read");
  }

  get(userId: string): AttachedRecord | null {
    return this.rows.get(userId) ?? null;
  }

  /**
   * A session says how it is; what an earlier life of its sockets said comes too late.
   * @param wanted is it to be told here although no device has the conversation open?
   */
  says(row: AttachedRecord, wanted: boolean): void {
    if ((this.rows.get(row.user_id)?.gen ?? 0) > row.gen) return;
    if (row.viewing || wanted) this.keep(row);
    else this.forget(row.user_id);
    this.save();
  }

  /** What a delivery's reply tells of a session. Stored with the round. */
  answered(userId: string, reply: DeliverReply, wanted: boolean): void {
    const known = this.rows.get(userId);
    if (known !== undefined && known.gen > reply.gen) return;
    // A reply of an older version says nothing of devices.
    const viewing = reply.viewing ?? known?.viewing ?? false;
    const until = reply.until ?? known?.until ?? 0;
    if (!reply.live || !(viewing || wanted)) this.forget(userId);
    else if (known === undefined || known.gen !== reply.gen || known.viewing !== viewing || known.until < until) {
      this.keep({ user_id: userId, gen: reply.gen, viewing, until });
    }
  }

  /** The members have changed: who is none any more is forgotten. */
  retain(isMember: (userId: string) => boolean): void {
    for (const userId of this.rows.keys()) if (!isMember(userId)) this.forget(userId);
    this.save();
  }

  /** Writes what is not stored yet, and forgets whose lease has ended. */
  save(now = 0): void {
    for (const row of this.rows.values()) if (row.until <= now) this.forget(row.user_id);
    const kept = [...this.unsaved].map((userId) => this.rows.get(userId)).filter((row) => row !== undefined);
    const gone = [...this.unsaved].filter((userId) => !this.rows.has(userId));
    this.unsaved.clear();
    this.store.commit(kept, gone);
  }

  private keep(row: AttachedRecord): void {
    this.rows.set(row.user_id, row);
    this.unsaved.add(row.user_id);
  }

  private forget(userId: string): void {
    if (this.rows.delete(userId)) this.unsaved.add(userId);
  }
}
