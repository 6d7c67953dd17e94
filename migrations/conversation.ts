// The Conversation object's SQLite schema.
import { CHAIN } from "./conversation/chain.ts";
import { FANOUT } from "./conversation/fanout.ts";
import { GROUPS } from "./conversation/groups.ts";
import { HELD_MEDIA } from "./conversation/held-media.ts";
import { MEDIA } from "./conversation/media.ts";
import { MESSAGES } from "./conversation/messages.ts";
import { RECEIPTS } from "./conversation/receipts.ts";
import { RESEALING } from "./conversation/resealing.ts";
import { SEARCH } from "./conversation/search.ts";
import type { Migration } from "./migration.ts";

export const CONVERSATION_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    min_compatible: 1,
    sql: `
      -- One row: what the conversation is. Nobody deletes it.
      CREATE TABLE conversation (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        conversation_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        title TEXT,
        epoch INTEGER NOT NULL,
        max_members INTEGER NOT NULL,
        location_hint TEXT,
        jurisdiction TEXT,
        cursor_key BLOB NOT NULL
      ) STRICT;

      -- One row: how far each follower of the order has come. Nobody deletes it.
      CREATE TABLE watermarks (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        fanout_seq INTEGER NOT NULL,
        archived_seq INTEGER NOT NULL,
        pruned_seq INTEGER NOT NULL,
        counters TEXT NOT NULL
      ) STRICT;

      -- An event. Kept for life; pruning blanks body and salt and keeps the content's hash.
      CREATE TABLE events (
        seq INTEGER PRIMARY KEY,
        msg_id TEXT NOT NULL,
        msg_no INTEGER NOT NULL,
        type TEXT NOT NULL,
        sender_id TEXT NOT NULL,
        client_msg_id TEXT,
        device_id TEXT,
        content_type TEXT,
        body TEXT,
        salt BLOB,
        content_hash BLOB
      ) STRICT;
      CREATE UNIQUE INDEX events_by_key ON events (sender_id, client_msg_id) WHERE client_msg_id IS NOT NULL;

      -- A stay of a user, from joining to leaving. Kept for life: it decides what they may see.
      CREATE TABLE stays (
        user_id TEXT NOT NULL,
        joined_seq INTEGER NOT NULL,
        left_seq INTEGER,
        role TEXT NOT NULL,
        PRIMARY KEY (user_id, joined_seq)
      ) STRICT, WITHOUT ROWID;

      -- A recipient whose settle failed. The first settle that succeeds deletes it.
      CREATE TABLE lagging (
        user_id TEXT PRIMARY KEY,
        owed_from INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;

      -- A segment planned for the archive: committed before its PUT. Deleted once archived_seq covers it.
      CREATE TABLE segments (
        from_seq INTEGER PRIMARY KEY,
        to_seq INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        put INTEGER NOT NULL,
        acked INTEGER NOT NULL
      ) STRICT;
    `,
  },
  {
    version: 2,
    min_compatible: 1,
    sql: [RECEIPTS, MESSAGES, GROUPS, FANOUT].join("\n"),
  },
  {
    version: 3,
    min_compatible: 1,
    sql: RESEALING,
  },
  {
    version: 4,
    min_compatible: 1,
    sql: CHAIN,
  },
  {
    version: 5,
    min_compatible: 1,
    sql: SEARCH,
  },
  {
    version: 6,
    min_compatible: 1,
    sql: MEDIA,
  },
  {
    version: 7,
    min_compatible: 1,
    sql: HELD_MEDIA,
  },
];
