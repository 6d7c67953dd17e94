// What holds a content, and what hurries it.

export const KEEPING = `
  -- A hold on the content: of a conversation whose messages carry it, or of a user who has sent it. Deleted with its release, or with
  -- the last message that it is about.
  CREATE TABLE holds (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;

  -- One row: held_generation, which object below h/ the held content is in. hurried: it goes as soon as nothing refers to it, since who
  -- sent it was erased. Goes with the whole storage.
  CREATE TABLE keeping (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    held_generation INTEGER,
    hurried INTEGER NOT NULL
  ) STRICT;
  INSERT INTO keeping (id, held_generation, hurried) VALUES (1, NULL, 0);
`;
