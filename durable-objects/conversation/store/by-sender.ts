// SQL of what one sender has written: what is still there of it, and what was ever theirs.
import type { Sql } from "../../platform/sql.ts";
import type { EventRecord } from "../records.ts";
import { EVENT_COLUMNS, toEventRecord } from "./event-row.ts";

export class SenderStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  /** Messages and reactions of a run that nothing has erased, ascending. The edits of a message go with it. */
  readUnerased(senderId: string, after: number, to: number, limit: number): EventRecord[] {
    return this.sql.all(
      `SELECT ${EVENT_COLUMNS} FROM events LEFT JOIN changes USING (seq)
         WHERE seq > ? AND seq <= ? AND sender_id = ? AND type IN ('msg', 'react') AND deleted_seq IS NULL ORDER BY seq LIMIT ?`,
      after, to, senderId, limit,
    ).map(toEventRecord);
  }

  /** True where some of theirs stood on the message. */
  commitUnreacted(targetSeq: number, userId: string): boolean {
    return this.sql.all("DELETE FROM reactions WHERE target_seq = ? AND user_id = ? RETURNING seq", targetSeq, userId).length > 0;
  }

  /** Nothing of this event is to be erased any more. */
  commitNothingLeft(seq: number): void {
    this.sql.run("INSERT INTO changes (seq, deleted_seq, replies) VALUES (?, ?, 0)", seq, seq);
  }

  readEverybody(): string[] {
    return this.sql.all("SELECT DISTINCT user_id FROM stays").map((row) => row["user_id"] as string);
  }
}
