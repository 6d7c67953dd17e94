// Which messages carry a file, and what is to be told of those that no longer do.

export const MEDIA = `
  -- A message with a file, by its seq. Written with the message; deleted with its content.
  CREATE TABLE media (
    seq INTEGER PRIMARY KEY,
    media_key TEXT NOT NULL
  ) STRICT;
  CREATE INDEX media_by_key ON media (media_key, seq);

  -- A message that has let go of its file, or came back with one out of a restore. Deleted once the file's Blob has heard of it.
  CREATE TABLE media_releases (
    no INTEGER PRIMARY KEY,
    media_key TEXT NOT NULL,
    sender_id TEXT NOT NULL,
    client_msg_id TEXT NOT NULL
  ) STRICT;
`;
