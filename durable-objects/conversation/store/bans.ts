// SQL of the users who are kept out of a conversation or, in a direct one, may not write.
import type { Ban } from "../../../protocol/rest/groups.ts";
import type { Sql } from "../../platform/sql.ts";

export class BanStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  readBans(): string[] {
    return this.sql.all("SELECT user_id FROM bans").map((row) => row["user_id"] as string);
  }

  readRows(): Ban[] {
    return this.sql.all("SELECT user_id, by, at FROM bans ORDER BY at, user_id")
      .map((row) => ({ user_id: row["user_id"] as string, by: row["by"] as string, at: row["at"] as number }));
  }

  commitBan(userId: string, by: string, now: number): void {
    this.sql.run("INSERT INTO bans (user_id, by, at) VALUES (?, ?, ?) ON CONFLICT (user_id) DO NOTHING", userId, by, now);
  }

  commitUnbanned(userId: string): void {
    this.sql.run("DELETE FROM bans WHERE user_id = ?", userId);
  }
}
