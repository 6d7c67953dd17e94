// Search: how far the index has come, and the index itself.

export const SEARCH = `
  -- Messages up to here are in the index, or were scanned for it; and since when (ms) words of deleted ones lie in its pages.
  ALTER TABLE watermarks ADD COLUMN indexed_seq INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE watermarks ADD COLUMN untidy_since INTEGER;
`;

/**
 * The words of each message as it now is, by its seq, and nothing that could give its text back. Made with the first message
 * that is indexed: most conversations never need one. A deletion takes its row; it stays when the body is pruned.
 * Tokens come ready made, parted by spaces: of their letters, all beyond ASCII, this tokenizer takes none for a separator.
 */
export const SEARCH_INDEX = `
  CREATE VIRTUAL TABLE words USING fts5(content, sender, content = '', contentless_delete = 1, tokenize = 'ascii');
  -- Bytes of the index's own pages: fewer of them are fewer rows to write.
  INSERT INTO words (words, rank) VALUES ('pgsz', 16000);
`;
