// The Directory object's SQLite schema: a shard of handles, or a shard of words. Each has the tables of both.
import type { Migration } from "./migration.ts";

export const DIRECTORY_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    min_compatible: 1,
    sql: `
      -- A handle and somebody who has it or had it. One who had it stays for a day, so that a claim which was overtaken on its way is refused.
      CREATE TABLE handles (
        handle TEXT NOT NULL,
        user_id TEXT NOT NULL,
        rev INTEGER NOT NULL,
        held INTEGER NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (handle, user_id)
      ) STRICT, WITHOUT ROWID;
      CREATE UNIQUE INDEX handles_held ON handles (handle) WHERE held = 1;
      CREATE INDEX handles_released ON handles (at) WHERE held = 0;

      -- Somebody who has words in this shard. Without a card: no longer, and kept for a day for the same reason.
      CREATE TABLE people (
        user_id TEXT PRIMARY KEY,
        rev INTEGER NOT NULL,
        card TEXT,
        at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX people_gone ON people (at) WHERE card IS NULL;

      -- A word by which somebody is found. Goes with the next card that lacks it.
      CREATE TABLE words (
        word TEXT NOT NULL,
        user_id TEXT NOT NULL,
        PRIMARY KEY (word, user_id)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX words_by_user ON words (user_id);
    `,
  },
];
