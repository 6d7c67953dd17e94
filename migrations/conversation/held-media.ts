// Which files are held, and which messages let go of theirs because their sender was erased.

export const HELD_MEDIA = `
  -- held: 1 where the conversation is held, 2 where the sender is, 3 for both: such a file has no end.
  ALTER TABLE media ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
  -- 1: its sender was erased, so that the file goes at once.
  ALTER TABLE media_releases ADD COLUMN at_once INTEGER NOT NULL DEFAULT 0;
`;
