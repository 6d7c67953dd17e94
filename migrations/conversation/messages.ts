// Messages as they now are: what edits, deletions, reactions and replies have made of them.

export const MESSAGES = `
  ALTER TABLE conversation ADD COLUMN encryption TEXT NOT NULL DEFAULT 'none';
  ALTER TABLE events ADD COLUMN client_sequence_number INTEGER;
  -- The message that this event answers, edits, deletes or reacts to.
  ALTER TABLE events ADD COLUMN target_seq INTEGER;
  -- The last number of a device, for those who number their messages.
  CREATE INDEX events_by_device ON events (sender_id, device_id, client_sequence_number) WHERE client_sequence_number IS NOT NULL;
  CREATE INDEX events_by_thread ON events (target_seq) WHERE type = 'msg' AND target_seq IS NOT NULL;
  CREATE INDEX events_by_edited ON events (target_seq) WHERE type = 'edit' AND target_seq IS NOT NULL;

  -- A message that is not as it was sent. Kept for life, as its event is.
  CREATE TABLE changes (
    seq INTEGER PRIMARY KEY,
    edited_seq INTEGER,
    deleted_seq INTEGER,
    replies INTEGER NOT NULL
  ) STRICT;

  -- A reaction that stands. Deleted when it is taken back, or its message is deleted.
  CREATE TABLE reactions (
    target_seq INTEGER NOT NULL,
    emoji TEXT NOT NULL,
    user_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (target_seq, emoji, user_id)
  ) STRICT, WITHOUT ROWID;
`;
