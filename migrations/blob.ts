// The Blob object's SQLite schema. It has one only while there is something to know of its content.
import { KEEPING } from "./blob/keeping.ts";
import type { Migration } from "./migration.ts";

export const BLOB_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    min_compatible: 1,
    sql: `
      -- One row: the content. generation: which of the store's objects it is in, next_generation: the first that was never used.
      -- state: noted (there may be something in it, or nothing), copied (it is there), retired (nothing was ever put there), and
      -- changed_at: since when. idle_since: since when nothing refers to it. Goes with the whole storage, some time after the content.
      CREATE TABLE content (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        key TEXT NOT NULL,
        content_type TEXT NOT NULL,
        size INTEGER NOT NULL,
        generation INTEGER NOT NULL,
        next_generation INTEGER NOT NULL,
        state TEXT NOT NULL,
        changed_at INTEGER NOT NULL,
        idle_since INTEGER
      ) STRICT;

      -- A message that carries the content, or is about to. Deleted once its conversation says that there is none.
      CREATE TABLE message_references (
        conversation_id TEXT NOT NULL,
        sender_id TEXT NOT NULL,
        client_msg_id TEXT NOT NULL,
        claim INTEGER NOT NULL,
        claimed_at INTEGER NOT NULL,
        ask_at INTEGER,
        PRIMARY KEY (conversation_id, sender_id, client_msg_id)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX references_to_ask ON message_references (ask_at) WHERE ask_at IS NOT NULL;

      -- An object of the store that is to go, and whose name is never used again. Deleted once the store has removed it.
      CREATE TABLE removals (
        object TEXT PRIMARY KEY,
        due_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    version: 2,
    min_compatible: 2,
    sql: KEEPING,
  },
];
