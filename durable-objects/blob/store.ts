// All SQL of the Blob object. content: what it is, and which of the store's objects it is in. message_references: the messages
// that carry it. removals: objects of the store that are to go.
import type { Reference } from "../../domain/references.ts";
import { BLOB_MIGRATIONS } from "../../migrations/blob.ts";
import type { MediaReference } from "../../protocol/rpc/media.ts";
import { ObjectStore } from "../platform/object-store.ts";
import type { Row, Sql } from "../platform/sql.ts";

export interface ContentRecord {
  /** `m/<hex>`, as messages have it. */
  key: string;
  content_type: string;
  size: number;
  /** Which of its objects it is in; a name that was given up is never used again. */
  generation: number;
  next_generation: number;
  /** `noted`: there may be something in its object, or nothing. `copied`: it is there. `retired`: nothing was ever put there. */
  state: "noted" | "copied" | "retired";
  /** ms since when it is so. */
  changed_at: number;
  /** ms since when nothing refers to it; null while something does. */
  idle_since: number | null;
}

export type ReferenceRecord = MediaReference & Reference;

const REFERENCE_COLUMNS = "conversation_id, sender_id, client_msg_id, claim, claimed_at, ask_at";

export class BlobStore extends ObjectStore {
  constructor(sql: Sql) {
    super(sql, BLOB_MIGRATIONS);
  }

  readContent(): ContentRecord | null {
    const row = this.sql.all("SELECT key, content_type, size, generation, next_generation, state, changed_at, idle_since FROM content WHERE id = 1")[0];
    return row === undefined ? null : (row as unknown as ContentRecord);
  }

  commitContent({ key, content_type, size, generation, next_generation, state, changed_at, idle_since }: ContentRecord): void {
    this.sql.run(
      `INSERT INTO content (id, key, content_type, size, generation, next_generation, state, changed_at, idle_since) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET content_type = excluded.content_type, size = excluded.size, generation = excluded.generation,
         next_generation = excluded.next_generation, state = excluded.state, changed_at = excluded.changed_at, idle_since = excluded.idle_since`,
      key, content_type, size, generation, next_generation, state, changed_at, idle_since,
    );
  }

  readReference({ conversation_id, sender_id, client_msg_id }: MediaReference): ReferenceRecord | null {
    const row = this.sql.all(
      `SELECT ${REFERENCE_COLUMNS} FROM message_references WHERE conversation_id = ? AND sender_id = ? AND client_msg_id = ?`,
      conversation_id, sender_id, client_msg_id,
    )[0];
    return row === undefined ? null : toReference(row);
  }

  commitReference({ conversation_id, sender_id, client_msg_id, claim, claimed_at, ask_at }: ReferenceRecord): void {
    this.sql.run(
      `INSERT INTO message_references (${REFERENCE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (conversation_id, sender_id, client_msg_id) DO UPDATE SET claim = excluded.claim, claimed_at = excluded.claimed_at, ask_at = excluded.ask_at`,
      conversation_id, sender_id, client_msg_id, claim, claimed_at, ask_at,
    );
  }

  commitGone({ conversation_id, sender_id, client_msg_id }: MediaReference): void {
    this.sql.run("DELETE FROM message_references WHERE conversation_id = ? AND sender_id = ? AND client_msg_id = ?", conversation_id, sender_id, client_msg_id);
  }

  hasReferences(): boolean {
    return this.sql.all("SELECT 1 FROM message_references LIMIT 1").length > 0;
  }

  /** ms when the next conversation is to be asked; null for none. */
  readAskAt(): number | null {
    return this.sql.all("SELECT ask_at FROM message_references WHERE ask_at IS NOT NULL ORDER BY ask_at LIMIT 1")[0]?.["ask_at"] as number | undefined ?? null;
  }

  readToAsk(now: number, limit: number): ReferenceRecord[] {
    return this.sql.all(`SELECT ${REFERENCE_COLUMNS} FROM message_references WHERE ask_at <= ? ORDER BY ask_at LIMIT ?`, now, limit).map(toReference);
  }

  commitRemoval(object: string, due_at: number): void {
    this.sql.run("INSERT INTO removals (object, due_at) VALUES (?, ?) ON CONFLICT (object) DO UPDATE SET due_at = excluded.due_at", object, due_at);
  }

  commitNoRemoval(object: string): void {
    this.sql.run("DELETE FROM removals WHERE object = ?", object);
  }

  readRemovals(): { object: string; due_at: number }[] {
    return this.sql.all("SELECT object, due_at FROM removals ORDER BY due_at") as { object: string; due_at: number }[];
  }
}

function toReference(row: Row): ReferenceRecord {
  return row as unknown as ReferenceRecord;
}
