// Groups that the user has made.

export const GROUPS = `
  -- Which conversation a creation's client_msg_id stands for. Kept for life, as the keys of messages are.
  CREATE TABLE creations (
    client_msg_id TEXT PRIMARY KEY,
    conversation_id TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
`;
