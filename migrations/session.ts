// The UserSession object's SQLite schema.
import type { Migration } from "./migration.ts";
import { ERASED } from "./session/erased.ts";
import { GROUPS } from "./session/groups.ts";
import { INBOX } from "./session/inbox.ts";
import { PRESENCE } from "./session/presence.ts";
import { UPLOADS } from "./session/uploads.ts";
import { USERS } from "./session/users.ts";

export const SESSION_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    min_compatible: 1,
    sql: `
      -- One row: the user, and how often their sockets went from none to one. Nobody deletes it.
      CREATE TABLE session (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        user_id TEXT NOT NULL,
        gen INTEGER NOT NULL,
        registered_at INTEGER NOT NULL
      ) STRICT;

      -- A conversation of this user, as far as it has settled. Kept after leaving, so that other devices learn of it.
      CREATE TABLE inbox (
        conversation_id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        title TEXT,
        peer_id TEXT,
        epoch INTEGER NOT NULL,
        settled_seq INTEGER NOT NULL,
        settled_at INTEGER NOT NULL,
        head_msg_no INTEGER NOT NULL,
        read_seq INTEGER NOT NULL,
        read_msg_no INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        left_at INTEGER,
        user_seq INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    version: 2,
    min_compatible: 1,
    sql: [GROUPS, INBOX, PRESENCE, USERS].join("\n"),
  },
  {
    version: 3,
    min_compatible: 1,
    sql: ERASED,
  },
  {
    version: 4,
    min_compatible: 1,
    sql: UPLOADS,
  },
];
