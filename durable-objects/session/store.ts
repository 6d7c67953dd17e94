// SQL of the UserSession object's core. session: the user and their socket generation. inbox: their conversations, as far as
// settled. What else is theirs has a file each in store/.
import type { Kind } from "../../protocol/events.ts";
import type { FanoutMode, LastMessage } from "../../protocol/frames/inbox.ts";
import type { KnownHead } from "../../protocol/restore-calls.ts";
import { SESSION_MIGRATIONS } from "../../migrations/session.ts";
import { ObjectStore } from "../platform/object-store.ts";
import type { Row, Sql } from "../platform/sql.ts";

export interface SessionRecord {
  user_id: string;
  gen: number;
}

export interface InboxRecord {
  conversation_id: string;
  kind: Kind;
  title: string | null;
  peer_id: string | null;
  epoch: number;
  settled_seq: number;
  settled_at: number;
  head_msg_no: number;
  read_seq: number;
  read_msg_no: number;
  last_at: number;
  left_at: number | null;
  user_seq: number;
  last_message: LastMessage | null;
  /** Seqs of unread messages that mention the user, ascending. */
  mentions: readonly number[];
  muted: boolean;
  archived: boolean;
  mode: FanoutMode;
}

const INBOX = "conversation_id, kind, title, peer_id, epoch, settled_seq, settled_at, head_msg_no, read_seq, read_msg_no, last_at, left_at, user_seq, last_message, mentions, muted, archived, mode";

/** Conversations whose heads are kept in memory. */
const KNOWN = 1_000;

export class SessionStore extends ObjectStore {
  /** What was read of conversations' heads: each append asks for one, and only a commit of its row changes it. */
  private readonly known = new Map<string, KnownHead | null>();

  constructor(sql: Sql) {
    super(sql, SESSION_MIGRATIONS);
  }

  commitRegistered(userId: string, now: number): void {
    this.sql.transaction(() => {
      this.migrate();
      this.sql.run("INSERT INTO session (id, user_id, gen, registered_at) VALUES (1, ?, 0, ?) ON CONFLICT (id) DO NOTHING", userId, now);
    });
  }

  commitGen(gen: number): void {
    this.sql.run("UPDATE session SET gen = ? WHERE id = 1", gen);
  }

  /** Blanks a preview in its place: what is shorter, written over it, would leave some of it in the page. */
  commitPreviewGone(conversationId: string): void {
    this.sql.run(
      "UPDATE inbox SET last_message = replace(hex(zeroblob(length(CAST(last_message AS BLOB)))), '00', ' ') WHERE conversation_id = ? AND last_message IS NOT NULL",
      conversationId,
    );
  }

  commitInbox(row: InboxRecord): void {
    // Not set to what is written: the transaction around it may still fail.
    this.known.delete(row.conversation_id);
    this.sql.run(
      `INSERT INTO inbox (${INBOX}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (conversation_id) DO UPDATE SET
         title = excluded.title, epoch = excluded.epoch, settled_seq = excluded.settled_seq, settled_at = excluded.settled_at,
         head_msg_no = excluded.head_msg_no, read_seq = excluded.read_seq, read_msg_no = excluded.read_msg_no,
         last_at = excluded.last_at, left_at = excluded.left_at, user_seq = excluded.user_seq,
         last_message = excluded.last_message, mentions = excluded.mentions, muted = excluded.muted, archived = excluded.archived, mode = excluded.mode`,
      row.conversation_id, row.kind, row.title, row.peer_id, row.epoch, row.settled_seq, row.settled_at, row.head_msg_no,
      row.read_seq, row.read_msg_no, row.last_at, row.left_at, row.user_seq,
      row.last_message === null ? null : JSON.stringify(row.last_message), JSON.stringify(row.mentions), Number(row.muted), Number(row.archived), row.mode,
    );
  }

  readSession(): SessionRecord | null {
    const row = this.sql.all("SELECT user_id, gen FROM session WHERE id = 1")[0];
    return row === undefined ? null : { user_id: row["user_id"] as string, gen: row["gen"] as number };
  }

  readUserSeq(): number {
    return (this.sql.all("SELECT max(user_seq) AS user_seq FROM inbox")[0]?.["user_seq"] as number | null) ?? 0;
  }

  readInbox(conversationId: string): InboxRecord | null {
    const row = this.sql.all(`SELECT ${INBOX} FROM inbox WHERE conversation_id = ?`, conversationId)[0];
    return row === undefined ? null : toInbox(row);
  }

  readKnown(conversationId: string): KnownHead | null {
    const known = this.known.get(conversationId);
    if (known !== undefined) return known;
    const row = this.sql.all("SELECT epoch, settled_seq FROM inbox WHERE conversation_id = ?", conversationId)[0];
    const read = row === undefined ? null : { epoch: row["epoch"] as number, seq: row["settled_seq"] as number };
    const oldest = this.known.keys().next().value;
    if (this.known.size >= KNOWN && oldest !== undefined) this.known.delete(oldest);
    this.known.set(conversationId, read);
    return read;
  }

  /** A restored conversation may push again from here on. */
  commitPushedBack(conversationId: string, seq: number): void {
    this.sql.run("UPDATE inbox SET pushed_seq = min(pushed_seq, ?) WHERE conversation_id = ?", seq, conversationId);
  }

  /** The newest first; `before` is the position of the last one of the page before, `archived` null for both kinds. */
  readInboxPage(before: { last_at: number; conversation_id: string } | null, limit: number, archived: boolean | null = null): InboxRecord[] {
    const position = before ?? { last_at: Number.MAX_SAFE_INTEGER, conversation_id: "" };
    return this.sql.all(
      `SELECT ${INBOX} FROM inbox WHERE left_at IS NULL AND archived IN (?, ?) AND (last_at < ? OR (last_at = ? AND conversation_id < ?))
         ORDER BY last_at DESC, conversation_id DESC LIMIT ?`,
      Number(archived ?? false), Number(archived ?? true), position.last_at, position.last_at, position.conversation_id, limit,
    ).map(toInbox);
  }

  /** The last active first. @param at ms */
  readActiveSince(at: number, limit: number): InboxRecord[] {
    return this.sql.all(`SELECT ${INBOX} FROM inbox WHERE left_at IS NULL AND last_at > ? ORDER BY last_at DESC LIMIT ?`, at, limit).map(toInbox);
  }

  /** What changed since a user_seq, oldest change first. */
  readInboxSince(userSeq: number, limit: number): InboxRecord[] {
    return this.sql.all(`SELECT ${INBOX} FROM inbox WHERE user_seq > ? ORDER BY user_seq LIMIT ?`, userSeq, limit).map(toInbox);
  }

  /** Conversations that write to no inbox, the last active first. */
  readUnwritten(limit: number): InboxRecord[] {
    return this.sql.all(`SELECT ${INBOX} FROM inbox WHERE mode <> 'write' AND left_at IS NULL ORDER BY last_at DESC LIMIT ?`, limit).map(toInbox);
  }

  /** Conversations that tell whoever is there, and write to no inbox. */
  readTold(): string[] {
    return this.sql.all("SELECT conversation_id FROM inbox WHERE mode = 'read' AND left_at IS NULL ORDER BY last_at DESC").map((row) => row["conversation_id"] as string);
  }

  /** All rows, those of conversations that were left too. */
  readInboxById(after: string, limit: number): InboxRecord[] {
    return this.sql.all(`SELECT ${INBOX} FROM inbox WHERE conversation_id > ? ORDER BY conversation_id LIMIT ?`, after, limit).map(toInbox);
  }

  readSettledAfter(at: number): InboxRecord[] {
    return this.sql.all(`SELECT ${INBOX} FROM inbox WHERE settled_at > ?`, at).map(toInbox);
  }
}

function toInbox(row: Row): InboxRecord {
  return {
    conversation_id: row["conversation_id"] as string,
    kind: row["kind"] as Kind,
    title: row["title"] as string | null,
    peer_id: row["peer_id"] as string | null,
    epoch: row["epoch"] as number,
    settled_seq: row["settled_seq"] as number,
    settled_at: row["settled_at"] as number,
    head_msg_no: row["head_msg_no"] as number,
    read_seq: row["read_seq"] as number,
    read_msg_no: row["read_msg_no"] as number,
    last_at: row["last_at"] as number,
    left_at: row["left_at"] as number | null,
    user_seq: row["user_seq"] as number,
    last_message: row["last_message"] === null ? null : (JSON.parse(row["last_message"] as string) as LastMessage),
    mentions: JSON.parse(row["mentions"] as string) as number[],
    muted: row["muted"] === 1,
    archived: row["archived"] === 1,
    mode: row["mode"] as FanoutMode,
  };
}
