// Groups: invitations, bans, and what a conversation's own settings say.

export const GROUPS = `
  ALTER TABLE conversation ADD COLUMN history TEXT NOT NULL DEFAULT 'joined';

  -- An invitation, by the SHA-256 of its token. Deleted when it is taken back or has ended.
  CREATE TABLE invites (
    invite_id TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    uses_left INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Who may not come back, or in a direct conversation may not write. Deleted when it is lifted.
  CREATE TABLE bans (
    user_id TEXT PRIMARY KEY,
    by TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;
