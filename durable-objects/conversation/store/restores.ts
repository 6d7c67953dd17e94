// SQL of the one row that says that a conversation's storage is not to be used, or how its restoring goes; and of emptying it.
import type { Stay } from "../../../domain/membership.ts";
import type { Sql } from "../../platform/sql.ts";

export interface RestoreRecord {
  conversation_id: string;
  /** `restored`: it is done, and the row tells what came of it. */
  state: "needed" | "restoring" | "restored";
  epoch: number;
  head_seq: number;
  known_seq: number;
  /** What was noticed, and by whom: JSON. */
  evidence: string;
  at: number;
}

export class RestoreStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  read(): RestoreRecord | null {
    const row = this.sql.all("SELECT conversation_id, state, epoch, head_seq, known_seq, evidence, at FROM restores WHERE id = 1")[0];
    return row === undefined ? null : (row as unknown as RestoreRecord);
  }

  commit({ conversation_id, state, epoch, head_seq, known_seq, evidence, at }: RestoreRecord): void {
    this.sql.run(
      `INSERT INTO restores (id, conversation_id, state, epoch, head_seq, known_seq, evidence, at) VALUES (1, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET conversation_id = excluded.conversation_id, state = excluded.state, epoch = excluded.epoch, head_seq = excluded.head_seq,
         known_seq = excluded.known_seq, evidence = excluded.evidence, at = excluded.at`,
      conversation_id, state, epoch, head_seq, known_seq, evidence, at,
    );
  }

  /** Drops every table, whatever version made it. Within a transaction. */
  dropAll(): void {
    const tables = this.sql.all("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'")
      .map((row) => ({ name: row["name"] as string, virtual: /^create virtual/i.test((row["sql"] as string | null) ?? "") }));
    // A virtual table takes the tables below it along.
    for (const { name } of tables.filter((table) => table.virtual)) this.sql.run(`DROP TABLE IF EXISTS "${name}"`);
    for (const { name } of tables.filter((table) => !table.virtual)) this.sql.run(`DROP TABLE IF EXISTS "${name}"`);
  }

  /** The newest event of a type, or the first; null where there is none. */
  readBody(type: "created" | "title"): string | null {
    const order = type === "created" ? "ASC" : "DESC";
    return (this.sql.all(`SELECT body FROM events WHERE type = ? ORDER BY seq ${order} LIMIT 1`, type)[0]?.["body"] as string | undefined) ?? null;
  }

  readSettings(): string[] {
    return this.sql.all("SELECT body FROM events WHERE type = 'settings' ORDER BY seq").map((row) => row["body"] as string);
  }

  readStays(userId: string): Stay[] {
    return this.sql.all("SELECT user_id, role, joined_seq, left_seq FROM stays WHERE user_id = ?", userId) as unknown as Stay[];
  }

  commitEnded(userId: string, leftSeq: number): void {
    this.sql.run("UPDATE stays SET left_seq = ? WHERE user_id = ? AND left_seq IS NULL", leftSeq, userId);
  }

  commitRole(userId: string, role: string): void {
    this.sql.run("UPDATE stays SET role = ? WHERE user_id = ? AND left_seq IS NULL", role, userId);
  }

  commitWatermarks(marks: { fanout_seq: number; archived_seq: number; mode_seq: number }): void {
    this.sql.run(
      "UPDATE watermarks SET fanout_seq = ?, told_seq = ?, mode_seq = ?, archived_seq = ?, pruned_seq = 0 WHERE id = 1",
      marks.fanout_seq, marks.fanout_seq, marks.mode_seq, marks.archived_seq,
    );
  }
}
