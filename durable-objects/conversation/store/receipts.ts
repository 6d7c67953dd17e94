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

  /** The newest event that each sender's devices have put into a run. */
  readNewestBySender(from: number, to: number): SentRecord[] {
    // msg_id grows with seq, so both are the same event's.
    return this.sql.all("SELECT max(seq) AS seq, max(msg_id) AS msg_id, sender_id FROM events WHERE seq BETWEEN ? AND ? AND client_msg_id IS NOT NULL GROUP BY sender_id", from, to)
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
