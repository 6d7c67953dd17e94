// What the list of conversations shows, and what waits to be pushed.

export const INBOX = `
  ALTER TABLE inbox ADD COLUMN last_message TEXT;
  -- Seqs of messages that mention the user, ascending, as JSON; those at or below read_seq are dropped.
  ALTER TABLE inbox ADD COLUMN mentions TEXT NOT NULL DEFAULT '[]';
  ALTER TABLE inbox ADD COLUMN muted INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE inbox ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE inbox ADD COLUMN mode TEXT NOT NULL DEFAULT 'write';
  -- How far the newest push speaks that was ever queued: it outlives the sending.
  ALTER TABLE inbox ADD COLUMN pushed_seq INTEGER NOT NULL DEFAULT 0;

  -- What is to become a push notification: one per conversation until it is sent; the inbox row says what it speaks of by then.
  -- Deleted when sent, and before that when all is read, or the conversation is muted or left.
  CREATE TABLE pushes (
    conversation_id TEXT PRIMARY KEY,
    from_seq INTEGER NOT NULL,
    queued_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- A device's registration with a push service. Deleted by its user, or when the same token is registered for another device.
  CREATE TABLE devices (
    device_id TEXT PRIMARY KEY,
    platform TEXT NOT NULL,
    token TEXT NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;
