// What became of a segment's PUT. Columns of `segments`; the rows go with their segments.

export const RESEALING = `
  -- ms of the last PUT, or of the last look whether it is still there; 0: of a version before.
  ALTER TABLE segments ADD COLUMN put_at INTEGER NOT NULL DEFAULT 0;
  -- Looks whether it is still in the bucket.
  ALTER TABLE segments ADD COLUMN looks INTEGER NOT NULL DEFAULT 0;
  -- An archiver says that what lies in the bucket is not what was sealed.
  ALTER TABLE segments ADD COLUMN wrong INTEGER NOT NULL DEFAULT 0;
  -- How often that was said, and it was put again.
  ALTER TABLE segments ADD COLUMN reports INTEGER NOT NULL DEFAULT 0;
`;
