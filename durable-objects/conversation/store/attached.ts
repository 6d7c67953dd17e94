// SQL of attached: the sessions that are to be told, whether they have the conversation open, and until when.
import type { Sql } from "../../platform/sql.ts";
import type { AttachedRecord } from "../records.ts";

export class AttachedStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  read(): AttachedRecord[] {
    return this.sql.all("SELECT user_id, gen, viewing, until FROM attached").map((row) => ({
      user_id: row["user_id"] as string,
      gen: row["gen"] as number,
      viewing: row["viewing"] === 1,
      until: row["until"] as number,
    }));
  }

  commit(kept: readonly AttachedRecord[], gone: readonly string[]): void {
    if (kept.length + gone.length === 0) return;
    this.sql.transaction(() => {
      for (const { user_id, gen, viewing, until } of kept) {
        this.sql.run(
          "INSERT INTO attached (user_id, gen, viewing, until) VALUES (?, ?, ?, ?) ON CONFLICT (user_id) DO UPDATE SET gen = excluded.gen, viewing = excluded.viewing, until = excluded.until",
          user_id, gen, viewing ? 1 : 0, until,
        );
      }
      for (const userId of gone) this.sql.run("DELETE FROM attached WHERE user_id = ?", userId);
    });
  }
}
