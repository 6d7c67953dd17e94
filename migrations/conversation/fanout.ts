// How a conversation reaches its members, and who of them is looking.

export const FANOUT = `
  ALTER TABLE conversation ADD COLUMN mode TEXT NOT NULL DEFAULT 'write';
  -- In the modes that write no inboxes: up to where everybody who is there was told, and the event that brought the mode.
  ALTER TABLE watermarks ADD COLUMN told_seq INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE watermarks ADD COLUMN mode_seq INTEGER NOT NULL DEFAULT 0;

  -- A session that is to be told: because a device has the conversation open, or because the group is too large for inboxes.
  -- Deleted when the session says so, answers that nobody is there, or the lease has ended.
  CREATE TABLE attached (
    user_id TEXT PRIMARY KEY,
    gen INTEGER NOT NULL,
    viewing INTEGER NOT NULL,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;
