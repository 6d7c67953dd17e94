// Freed bytes. SQLite leaves what was deleted in its pages until they are used again, and an object can neither VACUUM nor set
// secure_delete (both are refused). So all that the object has is written anew on other pages, and its old ones become zeros.
import { giveFreePages, SCRUB_BYTES, type WordIndex, writeAllAnew } from "./store/scrub.ts";
import type { Sql } from "./sql.ts";

/** What it needs of an object's context; its types are not those of every runtime that tests run in. */
export interface ScrubContext {
  storage: { sql: { databaseSize: number }; sync(): Promise<void> };
  blockConcurrencyWhile<T>(work: () => Promise<T>): Promise<T>;
}

/** Free pages that an object may have beside what it uses. The platform tells nobody how many there are. */
const FREE_BYTES = 1024 * 1024;

/**
 * False: the object is too large for one turn, and nothing was done.
 * @param free bytes: where there are fewer free ones, the file grows by the rest
 */
export async function scrubObject(ctx: ScrubContext, sql: Sql, free = FREE_BYTES, index?: WordIndex): Promise<boolean> {
  const { storage } = ctx;
  giveFreePages(sql);
  const used = storage.sql.databaseSize;
  if (used > SCRUB_BYTES) return false;
  await ctx.blockConcurrencyWhile(async () => {
    writeAllAnew(sql, used, Math.max(free, 4 * used), index);
    await storage.sync();
    giveFreePages(sql);
    await storage.sync();
  });
  return true;
}
