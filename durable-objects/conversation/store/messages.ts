// SQL of messages as they now are. changes: edits, deletions and replies by the message's seq. reactions: those that stand.
import { byteLength } from "../../../protocol/limits.ts";
import type { Sql } from "../../platform/sql.ts";
import type { Bounds } from "../../../domain/page.ts";
import type { EventRecord, ShownRecord } from "../records.ts";
import { EVENT_COLUMNS, SHOWN_COLUMNS, toEventRecord, toShownRecord } from "./event-row.ts";

/** The seqs of a message's newest edit and of its deletion. */
export interface ChangeRecord {
  edited_seq: number | null;
  deleted_seq: number | null;
  replies: number;
}

export interface ReactionRecord {
  target_seq: number;
  emoji: string;
  user_id: string;
  seq: number;
}

/** What is left of an event once its content is gone: its hash, which is of what was, among it. */
export interface ErasedRecord {
  seq: number;
  body: string;
  content_hash: Uint8Array;
}

const DIRECTIONS = { asc: "ASC", desc: "DESC" } as const;
const NO_SALT = new Uint8Array(16);

export class MessageStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  commitReply(targetSeq: number, replies: 1 | -1): void {
    this.sql.run("INSERT INTO changes (seq, replies) VALUES (?, ?) ON CONFLICT (seq) DO UPDATE SET replies = replies + excluded.replies", targetSeq, replies);
  }

  commitEdited(targetSeq: number, editedSeq: number): void {
    this.sql.run("INSERT INTO changes (seq, edited_seq, replies) VALUES (?, ?, 0) ON CONFLICT (seq) DO UPDATE SET edited_seq = excluded.edited_seq", targetSeq, editedSeq);
  }

  commitReaction({ target_seq, emoji, user_id, seq }: ReactionRecord): void {
    this.sql.run("INSERT INTO reactions (target_seq, emoji, user_id, seq) VALUES (?, ?, ?, ?)", target_seq, emoji, user_id, seq);
  }

  commitUnreacted({ target_seq, emoji, user_id }: Omit<ReactionRecord, "seq">): void {
    this.sql.run("DELETE FROM reactions WHERE target_seq = ? AND emoji = ? AND user_id = ?", target_seq, emoji, user_id);
  }

  /** The content of a message and of its edits goes. */
  commitErased(targetSeq: number, deletedSeq: number, erased: readonly ErasedRecord[]): void {
    this.sql.run("INSERT INTO changes (seq, deleted_seq, replies) VALUES (?, ?, 0) ON CONFLICT (seq) DO UPDATE SET deleted_seq = excluded.deleted_seq", targetSeq, deletedSeq);
    this.sql.run("DELETE FROM reactions WHERE target_seq = ?", targetSeq);
    for (const { seq, body, content_hash } of erased) {
      const before = this.sql.all("SELECT body, content_hash FROM events WHERE seq = ?", seq)[0];
      // A shorter row would leave the rest of the old text in its page: something of the same length takes its place first.
      if (typeof before?.["body"] === "string") this.sql.run("UPDATE events SET body = ?, salt = ? WHERE seq = ?", " ".repeat(byteLength(before["body"])), NO_SALT, seq);
      this.sql.run("UPDATE events SET body = ?, salt = ?, content_hash = ? WHERE seq = ?", body, NO_SALT, content_hash, seq);
    }
  }

  readChange(seq: number): ChangeRecord | null {
    return this.readChanges([seq]).get(seq) ?? null;
  }

  readChanges(seqs: readonly number[]): Map<number, ChangeRecord> {
    const { where, bindings, has } = among("seq", seqs);
    const rows = this.sql.all(`SELECT seq, edited_seq, deleted_seq, replies FROM changes WHERE ${where}`, ...bindings);
    return new Map(rows.filter((row) => has(row["seq"] as number)).map((row) => [row["seq"] as number, {
      edited_seq: row["edited_seq"] as number | null, deleted_seq: row["deleted_seq"] as number | null, replies: row["replies"] as number,
    }]));
  }

  /** Of these messages, in the order in which they were given. */
  readReactions(seqs: readonly number[]): ReactionRecord[] {
    const { where, bindings, has } = among("target_seq", seqs);
    return this.sql.all(`SELECT target_seq, emoji, user_id, seq FROM reactions WHERE ${where} ORDER BY seq`, ...bindings)
      .map((row) => ({ target_seq: row["target_seq"] as number, emoji: row["emoji"] as string, user_id: row["user_id"] as string, seq: row["seq"] as number }))
      .filter((row) => has(row.target_seq));
  }

  readReaction(targetSeq: number, emoji: string, userId: string): number | null {
    const row = this.sql.all("SELECT seq FROM reactions WHERE target_seq = ? AND emoji = ? AND user_id = ?", targetSeq, emoji, userId)[0];
    return row === undefined ? null : (row["seq"] as number);
  }

  /** The different emojis on a message, `but` left out. */
  countEmojis(targetSeq: number, but: string): number {
    return this.sql.all("SELECT count(DISTINCT emoji) AS emojis FROM reactions WHERE target_seq = ? AND emoji <> ?", targetSeq, but)[0]?.["emojis"] as number;
  }

  countEdits(targetSeq: number): number {
    return this.sql.all("SELECT count(*) AS edits FROM events WHERE type = 'edit' AND target_seq = ?", targetSeq)[0]?.["edits"] as number;
  }

  /** The edits of a message, ascending. */
  readEdits(targetSeq: number): EventRecord[] {
    return this.sql.all(`SELECT ${EVENT_COLUMNS} FROM events WHERE type = 'edit' AND target_seq = ? ORDER BY seq`, targetSeq).map(toEventRecord);
  }

  readSeqs(seqs: readonly number[]): Map<number, EventRecord> {
    const rows = this.sql.all(`SELECT ${EVENT_COLUMNS} FROM events WHERE seq IN (SELECT value FROM json_each(?))`, JSON.stringify(seqs)).map(toEventRecord);
    return new Map(rows.map((row) => [row.seq, row]));
  }

  /** The events within bounds, or of one content type alone. */
  readPage({ from, to }: Bounds, limit: number, order: "asc" | "desc", contentType: string | null): ShownRecord[] {
    const typed = contentType === null ? "" : "AND content_type = ?";
    return this.sql.values(
      `SELECT ${SHOWN_COLUMNS} FROM events WHERE seq BETWEEN ? AND ? ${typed} ORDER BY seq ${DIRECTIONS[order]} LIMIT ?`,
      from, to, ...(contentType === null ? [] : [contentType]), limit,
    ).map(toShownRecord);
  }

  /** The messages that answer one, within bounds. */
  readThread(targetSeq: number, { from, to }: Bounds, limit: number, order: "asc" | "desc", contentType: string | null): ShownRecord[] {
    return this.sql.values(
      `SELECT ${SHOWN_COLUMNS} FROM events WHERE type = 'msg' AND target_seq = ? AND seq BETWEEN ? AND ? AND content_type = coalesce(?, content_type)
       ORDER BY seq ${DIRECTIONS[order]} LIMIT ?`,
      targetSeq, from, to, contentType, limit,
    ).map(toShownRecord);
  }

  /** The greatest number that a device gave a message. */
  readLastNumber(senderId: string, deviceId: string): number | null {
    const row = this.sql.all(
      "SELECT max(client_sequence_number) AS last FROM events WHERE sender_id = ? AND device_id = ? AND client_sequence_number IS NOT NULL", senderId, deviceId,
    )[0];
    return (row?.["last"] as number | null | undefined) ?? null;
  }

  /** The first deletion above `sealed` of something at or below it: what it took may be in the archive. */
  readWaitingDeletion(sealed: number): string | null {
    const row = this.sql.all("SELECT msg_id FROM events WHERE seq > ? AND type = 'delete' AND target_seq <= ? ORDER BY seq LIMIT 1", sealed, sealed)[0];
    return row === undefined ? null : (row["msg_id"] as string);
  }
}

/** A run of a page is looked through as one, which costs nothing where few have changed; what lies apart is looked up one by one. */
function among(column: string, seqs: readonly number[]): { where: string; bindings: (string | number)[]; has: (seq: number) => boolean } {
  const [first, last] = [seqs.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY), seqs.reduce((a, b) => Math.max(a, b), 0)];
  if (seqs.length === 0 || last - first >= 2 * seqs.length) return { where: `${column} IN (SELECT value FROM json_each(?))`, bindings: [JSON.stringify(seqs)], has: () => true };
  const wanted = new Set(seqs);
  return { where: `${column} BETWEEN ? AND ?`, bindings: [first, last], has: (seq) => wanted.has(seq) };
}
