// SQL of the hash chain: its value at the end of each segment, or of each step that caught up with what older code sealed.
import type { Sql } from "../../platform/sql.ts";

export interface Checkpoint {
  seq: number;
  chain: string;
}

export class ChainStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  commitCheckpoint({ seq, chain }: Checkpoint): void {
    this.sql.run("INSERT INTO checkpoints (seq, chain) VALUES (?, ?) ON CONFLICT (seq) DO NOTHING", seq, chain);
  }

  readLast(): Checkpoint | null {
    return this.read("SELECT seq, chain FROM checkpoints ORDER BY seq DESC LIMIT 1")[0] ?? null;
  }

  readAt(seq: number): string | null {
    return this.read("SELECT seq, chain FROM checkpoints WHERE seq = ?", seq)[0]?.chain ?? null;
  }

  /** Ascending. */
  readAfter(seq: number, limit: number): Checkpoint[] {
    return this.read("SELECT seq, chain FROM checkpoints WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit);
  }

  private read(query: string, ...bindings: number[]): Checkpoint[] {
    return this.sql.all(query, ...bindings).map((row) => ({ seq: row["seq"] as number, chain: row["chain"] as string }));
  }
}
