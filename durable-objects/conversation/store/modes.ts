// SQL of how a conversation reaches its members: its mode, and who is owed a settle although nobody's inbox is written.
import type { FanoutMode } from "../../../protocol/frames/inbox.ts";
import type { Sql } from "../../platform/sql.ts";
import type { LaggingRecord } from "../records.ts";

export class ModesStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  /** @param modeSeq the event that brought the mode */
  commitMode(mode: FanoutMode, modeSeq: number): void {
    this.sql.transaction(() => {
      this.sql.run("UPDATE conversation SET mode = ? WHERE id = 1", mode);
      this.sql.run("UPDATE watermarks SET mode_seq = ? WHERE id = 1", modeSeq);
    });
  }

  /** Who is owed something already keeps the older debt, and is due at once. */
  commitOwed(rows: readonly LaggingRecord[]): void {
    this.sql.transaction(() => {
      for (const row of rows) {
        this.sql.run(
          "INSERT INTO lagging (user_id, owed_from, due_at, attempts) VALUES (?, ?, ?, ?) ON CONFLICT (user_id) DO UPDATE SET owed_from = min(owed_from, excluded.owed_from), due_at = excluded.due_at",
          row.user_id, row.owed_from, row.due_at, row.attempts,
        );
      }
    });
  }
}
