// SQL of what keeps a content beyond its time, and what hurries it. holds: whose. keeping: where the held content is.
import type { MediaHold } from "../../../protocol/media-keeping.ts";
import type { Sql } from "../../platform/sql.ts";

export class KeepingStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  read(): { held_generation: number | null; hurried: boolean } {
    const row = this.sql.all("SELECT held_generation, hurried FROM keeping WHERE id = 1")[0];
    return { held_generation: row?.["held_generation"] as number | null, hurried: row?.["hurried"] === 1 };
  }

  commitHeldGeneration(generation: number | null): void {
    this.sql.run("UPDATE keeping SET held_generation = ? WHERE id = 1", generation);
  }

  commitHurried(hurried: boolean): void {
    this.sql.run("UPDATE keeping SET hurried = ? WHERE id = 1 AND hurried <> ?", Number(hurried), Number(hurried));
  }

  commitHold({ kind, id }: MediaHold): void {
    this.sql.run("INSERT INTO holds (kind, id) VALUES (?, ?) ON CONFLICT DO NOTHING", kind, id);
  }

  commitNoHold({ kind, id }: MediaHold): void {
    this.sql.run("DELETE FROM holds WHERE kind = ? AND id = ?", kind, id);
  }

  /** Those that are about no message any more. */
  commitNoIdleHolds(): void {
    this.sql.run(`DELETE FROM holds WHERE NOT EXISTS (
      SELECT 1 FROM message_references WHERE CASE holds.kind WHEN 'user' THEN sender_id ELSE conversation_id END = holds.id)`);
  }

  hasHold({ kind, id }: MediaHold): boolean {
    return this.sql.all("SELECT 1 FROM holds WHERE kind = ? AND id = ?", kind, id).length > 0;
  }

  hasHolds(): boolean {
    return this.sql.all("SELECT 1 FROM holds LIMIT 1").length > 0;
  }

  /** Does a message that the hold is about carry the content? */
  concerns({ kind, id }: MediaHold): boolean {
    return this.sql.all(kind === "user" ? "SELECT 1 FROM message_references WHERE sender_id = ? LIMIT 1" : "SELECT 1 FROM message_references WHERE conversation_id = ? LIMIT 1", id).length > 0;
  }
}
