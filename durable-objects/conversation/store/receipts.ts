// SQL of receipts. receipts: the watermarks of up to 64 stays a row. unacknowledged: who is sent again what they were pushed.
import { bisect } from "../../../domain/page.ts";
import type { Marks } from "../../../domain/receipts.ts";
import type { Sql } from "../../platform/sql.ts";

export interface StayMarks {
  user_id: string;
  joined_seq: number;
  marks: Marks;
}

export interface ReceiptPage {
  page: number;
  stays: StayMarks[];
}

/** attempts: redeliveries so far. due_at: of the next one, ms. */
export interface UnacknowledgedRecord {
  user_id: string;
  attempts: number;
  due_at: number;
}

/** A message, as far as statuses need it. */
export interface SentRecord {
  seq: number;
  msg_id: string;
  sender_id: string;
}

type Packed = [user_id: string, joined_seq: number, delivered_seq: number, delivered_at: number, read_seq: number, read_at: number];

export class ReceiptsStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  /** All watermarks that have changed, with one commit. */
  commitPages(pages: readonly ReceiptPage[]): void {
    const write = ({ page, stays }: ReceiptPage) => this.sql.run(
      "INSERT INTO receipts (page, body) VALUES (?, ?) ON CONFLICT (page) DO UPDATE SET body = excluded.body",
      page, JSON.stringify(stays.map(({ user_id, joined_seq, marks }): Packed => [user_id, joined_seq, marks.delivered_seq, marks.delivered_at, marks.read_seq, marks.read_at])),
    );
    const [only] = pages;
    if (only !== undefined && pages.length === 1) write(only);
    else this.sql.transaction(() => pages.forEach(write));
  }

  commitUnacknowledged(behind: readonly UnacknowledgedRecord[], over: readonly string[]): void {
    if (behind.length + over.length === 0) return;
    this.sql.transaction(() => {
      for (const row of behind) {
        this.sql.run(
          "INSERT INTO unacknowledged (user_id, attempts, due_at) VALUES (?, ?, ?) ON CONFLICT (user_id) DO UPDATE SET attempts = excluded.attempts, due_at = excluded.due_at",
          row.user_id, row.attempts, row.due_at,
        );
      }
      for (const userId of over) this.sql.run("DELETE FROM unacknowledged WHERE user_id = ?", userId);
    });
  }

  readUnacknowledged(): UnacknowledgedRecord[] {
    return this.sql.all("SELECT user_id, attempts, due_at FROM unacknowledged").map((row) => ({
      user_id: row["user_id"] as string, attempts: row["attempts"] as number, due_at: row["due_at"] as number,
    }));
  }

  readPages(): ReceiptPage[] {
    return this.sql.all("SELECT page, body FROM receipts ORDER BY page").map((row) => ({
      page: row["page"] as number,
      stays: (JSON.parse(row["body"] as string) as Packed[]).map(([user_id, joined_seq, delivered_seq, delivered_at, read_seq, read_at]) => ({
        user_id, joined_seq, marks: { delivered_seq, delivered_at, read_seq, read_at },
      })),
    }));
  }

  /** A message by its id, which grows with seq; null where there is none up to `head`. */
  readMessage(msgId: string, head: number): SentRecord | null {
    const at = (seq: number) => this.sql.all("SELECT seq, msg_id, sender_id, type FROM events WHERE seq = ?", seq)[0];
    const found = at(bisect(1, head, (seq) => (at(seq)?.["msg_id"] as string) >= msgId));
    return found === undefined || found["msg_id"] !== msgId || found["type"] !== "msg" ? null : toSent(found);
  }

  readMsgNo(seq: number): number {
    return (this.sql.all("SELECT msg_no FROM events WHERE seq = ?", seq)[0]?.["msg_no"] as number | undefined) ?? 0;
  }

  /** The newest messages of a run, ascending. */
  readSent(from: number, to: number, limit: number): SentRecord[] {
    return this.sql.all("SELECT seq, msg_id, sender_id FROM events WHERE seq BETWEEN ? AND ? AND type = 'msg' ORDER BY seq DESC LIMIT ?", from, to, limit)
      .map(toSent).toReversed();
  }

  /** One sender's newest messages of a run, newest first. */
  readSentBy(senderId: string, from: number, to: number, limit: number): SentRecord[] {
    return this.sql.all("SELECT seq, msg_id, sender_id FROM events WHERE seq BETWEEN ? AND ? AND type = 'msg' AND sender_id = ? ORDER BY seq DESC LIMIT ?", from, to, senderId, limit)
      .map(toSent);
  }

  /** Each sender's newest message of a run. */
  readNewestBySender(from: number, to: number): SentRecord[] {
    // msg_id grows with seq, so both are the same event's.
    return this.sql.all("SELECT max(seq) AS seq, max(msg_id) AS msg_id, sender_id FROM events WHERE seq BETWEEN ? AND ? AND type = 'msg' GROUP BY sender_id", from, to)
      .map(toSent);
  }

  /** Is there a message of anybody else in a run? */
  hasOthers(userId: string, from: number, to: number): boolean {
    return this.sql.all("SELECT 1 FROM events WHERE seq BETWEEN ? AND ? AND type = 'msg' AND sender_id <> ? LIMIT 1", from, to, userId).length > 0;
  }
}

function toSent(row: Record<string, unknown>): SentRecord {
  return { seq: row["seq"] as number, msg_id: row["msg_id"] as string, sender_id: row["sender_id"] as string };
}
