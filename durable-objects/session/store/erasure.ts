// SQL of what a session loses with its user's content: where pushes go, what waits to be pushed, and previews.
import type { Sql } from "../../platform/sql.ts";

export class ErasureStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  count(): { devices: number; previews: number } {
    const row = this.sql.all("SELECT (SELECT count(*) FROM devices) AS devices, (SELECT count(*) FROM inbox WHERE last_message IS NOT NULL) AS previews")[0];
    return { devices: row?.["devices"] as number, previews: row?.["previews"] as number };
  }

  /** Uploads that wait to be sent, in the order of their keys. */
  readWaiting(): { key: string; upload_id: string | null }[] {
    return this.sql.all("SELECT key, upload_id FROM uploads ORDER BY key") as { key: string; upload_id: string | null }[];
  }

  /** Written over before it goes, as long as it was: what is shorter would leave the rest of it in its page. */
  commitErased(): void {
    this.sql.transaction(() => {
      this.sql.run("UPDATE devices SET token = replace(hex(zeroblob(length(token))), '00', ' ')");
      this.sql.run("DELETE FROM devices");
      this.sql.run("DELETE FROM pushes");
      this.sql.run("UPDATE inbox SET last_message = replace(hex(zeroblob(length(CAST(last_message AS BLOB)))), '00', ' ') WHERE last_message IS NOT NULL");
      this.sql.run("UPDATE inbox SET last_message = NULL WHERE last_message IS NOT NULL");
    });
  }
}
