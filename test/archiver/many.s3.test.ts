// Several archivers on the embedded store.
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SqliteStore } from "../../archiver/stores/sqlite.ts";
import { freshFolder } from "./archiver-process.ts";
import { manyArchivers } from "./many.ts";

const SQLITE_BUSY = 5;

manyArchivers("the embedded store", async () => {
  const dataDir = freshFolder();
  const folder = path.join(dataDir, "archive");
  const store = new SqliteStore(folder, 220_752_000, Date.now);
  await store.open();
  return { env: { DATA_DIR: dataDir }, store, isFree: () => isFree(path.join(folder, "archive.sqlite")) };
});

/** Asked without the store's own patience of seconds, in which the test's edge would answer nobody. */
function isFree(file: string): boolean {
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    db.exec("BEGIN IMMEDIATE; ROLLBACK");
    return true;
  } catch (error) {
    if (error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY) return false;
    throw error;
  } finally {
    db.close();
  }
}
