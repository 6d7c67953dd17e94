// A user whose content was erased.

export const ERASED = `
  -- ms; set while the user is out for it: what the directory is told then goes from its files too.
  ALTER TABLE session ADD COLUMN erased_at INTEGER;
`;
