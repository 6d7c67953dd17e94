// What the members' lists of conversations need of the events: the newest message, and who is mentioned.
import type { Offered } from "../../../domain/push.ts";
import type { Sql } from "../../platform/sql.ts";

export interface Mention {
  seq: number;
  sender_id: string;
  users: string[];
}

/** msg_no of an event: messages up to and including it. null: there is no such event. */
export function readMsgNo(sql: Sql, seq: number): number | null {
  const row = sql.all("SELECT msg_no FROM events WHERE seq = ?", seq)[0];
  return row === undefined ? null : (row["msg_no"] as number);
}

/** The messages of a run that mention somebody, oldest first. Bodies that are gone mention nobody. */
export function readMentions(sql: Sql, from: number, to: number): Mention[] {
  return sql.all(
    "SELECT seq, sender_id, body FROM events WHERE seq BETWEEN ? AND ? AND type = 'msg' AND instr(body, '\"mentions\":[') > 0 ORDER BY seq", from, to,
  ).map((row) => ({
    seq: row["seq"] as number,
    sender_id: row["sender_id"] as string,
    users: (JSON.parse(row["body"] as string) as { mentions?: string[] }).mentions ?? [],
  }));
}

/** The messages of a run, oldest first, as they are offered for pushes. */
export function readOffered(sql: Sql, from: number, to: number): Offered[] {
  const mentions = new Map(readMentions(sql, from, to).map(({ seq, users }) => [seq, users]));
  return sql.all("SELECT seq, msg_no, sender_id FROM events WHERE seq BETWEEN ? AND ? AND type = 'msg' ORDER BY seq", from, to).map((row) => ({
    seq: row["seq"] as number,
    msg_no: row["msg_no"] as number,
    sender_id: row["sender_id"] as string,
    mentions: mentions.get(row["seq"] as number) ?? [],
  }));
}
