// The hash chain, and what a conversation knows of its own storage.

export const CHAIN = `
  -- The hash chain up to a seq, at the end of each segment. Kept for life: the audit compares the archive with it.
  CREATE TABLE checkpoints (
    seq INTEGER PRIMARY KEY,
    chain TEXT NOT NULL
  ) STRICT;

  -- At most one row: why this storage is not to be used, or how far its restoring has come; afterwards what was restored.
  -- state: needed, restoring or restored. head_seq: where the restored events end. known_seq: how far members knew it.
  CREATE TABLE restores (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    conversation_id TEXT NOT NULL,
    state TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    head_seq INTEGER NOT NULL,
    known_seq INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
`;
