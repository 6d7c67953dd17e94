// The user: profile, what they have blocked, and what the operator has decided.

export const USERS = `
  -- JSON: name, handle, avatar_key, custom, hide_last_seen.
  ALTER TABLE session ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
  -- Tokens issued before this (s since 1970) are refused.
  ALTER TABLE session ADD COLUMN revoked_before INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE session ADD COLUMN deactivated_at INTEGER;

  -- Whom this user has blocked. Deleted when it is lifted.
  CREATE TABLE blocks (
    user_id TEXT PRIMARY KEY,
    at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;
