// Watermarks in the embedded store.
import type { MemberMarks } from "../../protocol/archive.ts";
import type { Transact } from "./sqlite-holds.ts";

const MERGE = `INSERT INTO receipts (conversation_id, user_id, delivered_seq, delivered_at, read_seq, read_at) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET
    delivered_at = iif(excluded.delivered_seq > delivered_seq, excluded.delivered_at, delivered_at), delivered_seq = max(delivered_seq, excluded.delivered_seq),
    read_at = iif(excluded.read_seq > read_seq, excluded.read_at, read_at), read_seq = max(read_seq, excluded.read_seq)`;

export class SqliteReceipts {
  readonly #transact: Transact;
  readonly #retentionS: number;
  readonly #now: () => number;

  constructor(transact: Transact, retentionS: number, now: () => number) {
    this.#transact = transact;
    this.#retentionS = retentionS;
    this.#now = now;
  }

  merge(conversationId: string, marks: readonly MemberMarks[]): void {
    this.#transact((db) => {
      const merge = db.prepare(MERGE);
      for (const { user_id, delivered_seq, delivered_at, read_seq, read_at } of marks) merge.run(conversationId, user_id, delivered_seq, delivered_at, read_seq, read_at);
      db.prepare("DELETE FROM receipts WHERE max(delivered_at, read_at) <= ?").run(this.#oldest());
    });
  }

  read(conversationId: string): MemberMarks[] {
    const rows = this.#transact((db) => db.prepare(
      "SELECT user_id, delivered_seq, delivered_at, read_seq, read_at FROM receipts WHERE conversation_id = ? AND max(delivered_at, read_at) > ? ORDER BY user_id",
    ).all(conversationId, this.#oldest()));
    return rows.map((row) => ({ ...row }) as unknown as MemberMarks);
  }

  /** ms */
  #oldest(): number {
    return this.#now() - this.#retentionS * 1_000;
  }
}
