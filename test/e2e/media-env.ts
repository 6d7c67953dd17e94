// How the product runs for tests of messages with files: everything leaves the object at once, so that history comes from the archive.
export const MEDIA_ENV = { CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_AFTER_MS: "200", CONFAB_HOT_EVENTS: "0", CONFAB_HOT_DAYS: "0" };
