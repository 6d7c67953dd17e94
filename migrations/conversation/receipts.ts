// What became of messages: each member's watermarks.

export const RECEIPTS = `
  -- The watermarks of up to 64 stays, as JSON: [user_id, joined_seq, delivered_seq, delivered_at, read_seq, read_at]. Nobody
  -- deletes one: a leaver's stays as it was.
  CREATE TABLE receipts (
    page INTEGER PRIMARY KEY,
    body TEXT NOT NULL
  ) STRICT;

  -- A live member who has not acknowledged what was pushed. Deleted by their receipt, or after the last try.
  CREATE TABLE unacknowledged (
    user_id TEXT PRIMARY KEY,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;
