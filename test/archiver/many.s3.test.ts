// Several archivers on the embedded store.
import path from "node:path";
import { SqliteStore } from "../../archiver/stores/sqlite.ts";
import { freshFolder } from "./archiver-process.ts";
import { manyArchivers } from "./many.ts";

manyArchivers("the embedded store", async () => {
  const dataDir = freshFolder();
  const store = new SqliteStore(path.join(dataDir, "archive"), 220_752_000, Date.now);
  await store.open();
  return { env: { DATA_DIR: dataDir }, store };
});
