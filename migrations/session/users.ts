// The user: profile, what they have blocked, and what the operator has decided.

export const USERS = `
  -- JSON: name, handle, avatar_key, custom, hide_last_seen, discoverable; what is absent is at its default.
  ALTER TABLE session ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
  -- Grows with every change that the directory must hear of.
  ALTER TABLE session ADD COLUMN directory_rev INTEGER NOT NULL DEFAULT 0;
  -- Tokens issued before this (s since 1970) are refused.
  ALTER TABLE session ADD COLUMN revoked_before INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE session ADD COLUMN deactivated_at INTEGER;
  -- JSON: what is left of the buckets that must outlive a sleep. Written with each use of one.
  ALTER TABLE session ADD COLUMN quotas TEXT NOT NULL DEFAULT '{}';

  -- What the directory does not know yet: a shard of words, or a handle that is given back. Deleted once it was told.
  CREATE TABLE directory_outbox (
    shard TEXT NOT NULL,
    -- '' for the words.
    handle TEXT NOT NULL,
    rev INTEGER NOT NULL,
    PRIMARY KEY (shard, handle)
  ) STRICT, WITHOUT ROWID;

  -- Whom this user has blocked, and, until the direct conversation has heard of it, whom no longer. Deleted when it is lifted there too.
  CREATE TABLE blocks (
    user_id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    blocked INTEGER NOT NULL DEFAULT 1,
    told INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
`;
