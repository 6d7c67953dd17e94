// The Reports object's SQLite schema.
import type { Migration } from "./migration.ts";

export const REPORTS_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    min_compatible: 1,
    sql: `
      -- What somebody told the operator of. Its evidence goes when it is closed, the row a while after that.
      CREATE TABLE reports (
        no INTEGER PRIMARY KEY AUTOINCREMENT,
        report_id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        reporter_id TEXT NOT NULL,
        conversation_id TEXT NOT NULL,
        msg_id TEXT,
        user_id TEXT,
        reason TEXT NOT NULL,
        evidence TEXT,
        reported_at INTEGER NOT NULL,
        closed_at INTEGER,
        note TEXT
      ) STRICT;
      CREATE INDEX reports_open ON reports (reporter_id, conversation_id) WHERE status = 'open';
      CREATE INDEX reports_by_status ON reports (status, no);
      CREATE INDEX reports_closed ON reports (closed_at) WHERE status = 'closed';
    `,
  },
];
