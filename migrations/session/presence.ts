// Who is watching this user, and when the user was last there.

export const PRESENCE = `
  -- Another user's session that wants to hear of this one. Deleted when it says so or has ended.
  CREATE TABLE watchers (
    user_id TEXT PRIMARY KEY,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- ms of the last sign of a device that is gone by now.
  ALTER TABLE session ADD COLUMN last_seen INTEGER;
`;
