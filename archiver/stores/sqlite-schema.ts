// The embedded store's tables and their versions. The same names as in Cassandra (migrations/cassandra).
import type { DatabaseSync } from "node:sqlite";
import { SchemaTooNew } from "./store.ts";

const MIGRATIONS: readonly string[] = [
  `-- An event as it was sealed; of a message also its content and status as they now are. seq is null where an edit came
   -- before its message. Deleted by the sweep once expires_at (s) has passed.
   CREATE TABLE messages (
     conversation_id TEXT NOT NULL,
     bucket TEXT NOT NULL,
     message_id TEXT NOT NULL,
     seq INTEGER,
     epoch INTEGER,
     type TEXT,
     sender_id TEXT,
     created_at INTEGER,
     client_msg_id TEXT,
     msg_no INTEGER,
     content_type TEXT,
     content TEXT,
     status TEXT,
     changed_at INTEGER,
     body TEXT,
     salt BLOB,
     content_hash BLOB,
     expires_at INTEGER NOT NULL,
     PRIMARY KEY (conversation_id, bucket, message_id DESC)
   ) STRICT;
   CREATE INDEX messages_expiry ON messages (expires_at);
   -- A month that a conversation has rows in. Swept like messages.
   CREATE TABLE buckets (
     conversation_id TEXT NOT NULL,
     bucket TEXT NOT NULL,
     expires_at INTEGER NOT NULL,
     PRIMARY KEY (conversation_id, bucket)
   ) STRICT, WITHOUT ROWID;
   -- The ledger: a segment whose rows were written and read back. Swept like messages.
   CREATE TABLE segments (
     conversation_id TEXT NOT NULL,
     epoch INTEGER NOT NULL,
     from_seq INTEGER NOT NULL,
     to_seq INTEGER NOT NULL,
     count INTEGER NOT NULL,
     sha256 TEXT NOT NULL,
     archived_at INTEGER NOT NULL,
     expires_at INTEGER NOT NULL,
     PRIMARY KEY (conversation_id, epoch, from_seq, to_seq)
   ) STRICT, WITHOUT ROWID;
   -- How far the edge has acknowledged a conversation without a hole. Never deleted.
   CREATE TABLE archived (
     conversation_id TEXT NOT NULL,
     epoch INTEGER NOT NULL,
     archived_seq INTEGER NOT NULL,
     PRIMARY KEY (conversation_id, epoch)
   ) STRICT, WITHOUT ROWID;`,
  `ALTER TABLE segments ADD COLUMN chain_before TEXT;
   ALTER TABLE segments ADD COLUMN chain TEXT;
   ALTER TABLE segments ADD COLUMN first_id TEXT;
   ALTER TABLE segments ADD COLUMN last_id TEXT;
   ALTER TABLE segments ADD COLUMN pair TEXT;
   -- An epoch that a restore began. from_seq is null until it is known. Never deleted.
   CREATE TABLE epochs (
     conversation_id TEXT NOT NULL,
     epoch INTEGER NOT NULL,
     from_seq INTEGER,
     begun_at INTEGER NOT NULL,
     completed_at INTEGER,
     PRIMARY KEY (conversation_id, epoch)
   ) STRICT, WITHOUT ROWID;`,
  `-- Archivers that are alive until then (ms). Swept by each other.
   CREATE TABLE archivers (archiver_id TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;`,
  `-- What must be kept whatever its retention: the columns of Cassandra's. A held row's expires_at is the year 9999.
   CREATE TABLE holds (
     kind TEXT NOT NULL,
     id TEXT NOT NULL,
     reason TEXT,
     created_at INTEGER NOT NULL,
     state TEXT NOT NULL,
     place TEXT,
     rows INTEGER NOT NULL,
     PRIMARY KEY (kind, id)
   ) STRICT, WITHOUT ROWID;
   -- Who has rows where.
   CREATE INDEX messages_sender ON messages (sender_id, conversation_id);`,
  `-- A person whose content was erased: what they sent up to this clock (µs) keeps none. Never deleted.
   CREATE TABLE erased (
     user_id TEXT PRIMARY KEY,
     until INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;`,
  `-- A member's watermarks; times in ms. Swept once both are past the retention.
   CREATE TABLE receipts (
     conversation_id TEXT NOT NULL,
     user_id TEXT NOT NULL,
     delivered_seq INTEGER NOT NULL,
     delivered_at INTEGER NOT NULL,
     read_seq INTEGER NOT NULL,
     read_at INTEGER NOT NULL,
     PRIMARY KEY (conversation_id, user_id)
   ) STRICT, WITHOUT ROWID;`,
];

/** Throws SchemaTooNew where a newer program wrote the file. */
export function migrateSqlite(db: DatabaseSync): void {
  const stored = () => (db.prepare("PRAGMA user_version").get() as { user_version: number }).user_version;
  if (stored() > MIGRATIONS.length) {
    throw new SchemaTooNew(`the archive's schema is version ${stored()}, this program knows ${MIGRATIONS.length}`);
  }
  if (stored() === MIGRATIONS.length) return;
  // Another archiver may have migrated between the look above and this lock.
  db.exec("BEGIN IMMEDIATE");
  for (const sql of MIGRATIONS.slice(stored())) db.exec(sql);
  db.exec(`PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`);
}
