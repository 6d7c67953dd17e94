// Files that the user has announced and not sent yet.

export const UPLOADS = `
  -- An upload, by its one-time key. Goes when it is sent or aborted, or past its time with the next that is announced.
  CREATE TABLE uploads (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    -- Of an upload in parts: the store's id, once there is one.
    upload_id TEXT,
    -- ms
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- A part that the client has said it uploaded. Goes with its upload.
  CREATE TABLE upload_parts (
    key TEXT NOT NULL,
    part INTEGER NOT NULL,
    etag TEXT NOT NULL,
    PRIMARY KEY (key, part)
  ) STRICT, WITHOUT ROWID;
`;
