// SQL of what a user's own record says of a conversation.
import type { Role } from "../../../protocol/events.ts";
import type { Stay } from "../../../domain/membership.ts";
import type { Sql } from "../../platform/sql.ts";

export class ExportStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  /** All stays of a user, ended or not. */
  readStays(userId: string): Stay[] {
    return this.sql.all("SELECT user_id, role, joined_seq, left_seq FROM stays WHERE user_id = ? ORDER BY joined_seq", userId).map((row) => ({
      user_id: row["user_id"] as string, role: row["role"] as Role, joined_seq: row["joined_seq"] as number, left_seq: row["left_seq"] as number | null,
    }));
  }
}
