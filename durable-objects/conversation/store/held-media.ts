// SQL of files that are held: which messages with one a hold is about, and which are held.
import type { Sql } from "../../platform/sql.ts";

export class HeldMediaStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  /** Messages with a file after a seq, ascending; of one sender, or of all. */
  readCarried(after: number, senderId: string | null, limit: number): { seq: number; media_key: string }[] {
    const rows = senderId === null
      ? this.sql.all("SELECT seq, media_key FROM media WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
      : this.sql.all("SELECT m.seq, m.media_key FROM media AS m JOIN events AS e ON e.seq = m.seq WHERE m.seq > ? AND e.sender_id = ? ORDER BY m.seq LIMIT ?", after, senderId, limit);
    return rows as unknown as { seq: number; media_key: string }[];
  }

  /** @param by 1 for a hold of the conversation, 2 for one of the sender */
  commitHeld(seqs: readonly number[], by: 1 | 2, held: boolean): void {
    this.sql.run(`UPDATE media SET held = ${held ? "held | ?" : "held & ~?"} WHERE seq IN (SELECT value FROM json_each(?))`, by, JSON.stringify(seqs));
  }

  /** Of these messages those that carry a file, and whether it is held. */
  readFiles(seqs: readonly number[]): Map<number, { held: boolean }> {
    const rows = this.sql.all("SELECT seq, held FROM media WHERE seq IN (SELECT value FROM json_each(?))", JSON.stringify(seqs));
    return new Map(rows.map((row) => [row["seq"] as number, { held: row["held"] !== 0 }]));
  }

  /** The newest message of a run that carries the file, and keeps it because it is held. */
  readNewestHeld(mediaKey: string, from: number, to: number): number | null {
    const row = this.sql.all("SELECT max(seq) AS seq FROM media WHERE media_key = ? AND held <> 0 AND seq BETWEEN ? AND ?", mediaKey, from, to)[0];
    return (row?.["seq"] as number | null | undefined) ?? null;
  }
}
