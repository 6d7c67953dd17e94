// Who is watching this user, and when the user was last there.

export const PRESENCE = `
  -- A device of another user that wants to hear of this one. Deleted when it says so, is gone or has ended.
  CREATE TABLE watchers (
    user_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (user_id, device_id)
  ) STRICT, WITHOUT ROWID;

  -- ms of the last sign of a device that is gone by now.
  ALTER TABLE session ADD COLUMN last_seen INTEGER;
  -- What those who watch were told last: a wake must neither repeat nor forget it.
  ALTER TABLE session ADD COLUMN told TEXT NOT NULL DEFAULT 'OFFLINE';
`;
