// SQL of writing an object anew. What it has stays as it is, row by row; only its pages are others.
import type { Sql } from "../sql.ts";

/** Of an object that is written anew in one turn. */
export const SCRUB_BYTES = 32 * 1024 * 1024;
const BLOB_BYTES = 1024 * 1024;
const COPY = "scrub_copy_";
const ZEROS = "scrub_zeros";

interface Table {
  name: string;
  sql: string;
  /** What stands on it: indexes and triggers. */
  more: string[];
  /** The last number that was given, of a table that gives none twice. */
  sequence: number | null;
}

/** An index of words, whose tables may be written by its own module alone: it takes itself down and puts itself up again. */
export interface WordIndex {
  takeDown(): void;
  putUp(): void;
}

/**
 * All that the object has, on other pages, and zeros on those that it had. The zeros keep their pages until `giveFreePages`: of a
 * page that is freed in the transaction that wrote it SQLite writes nothing.
 * @param used bytes of the pages that hold something
 * @param free bytes of those that hold nothing, at most; where there are fewer, the file grows by the rest
 */
export function writeAllAnew(sql: Sql, used: number, free: number, index?: WordIndex): void {
  sql.transaction(() => {
    sql.run(`CREATE TABLE ${ZEROS} (zeros BLOB)`);
    takeFreePages(sql, free);
    const tables = readTables(sql);
    tables.forEach((table, i) => {
      sql.run(table.sql.replace(/^CREATE TABLE\s+("?)\w+\1/u, `CREATE TABLE ${COPY}${i}`));
      sql.run(`INSERT INTO ${COPY}${i} SELECT * FROM "${table.name}"`);
    });
    index?.takeDown();
    tables.forEach(({ name }, i) => {
      sql.run(`DROP TABLE "${name}"`);
      sql.run(`ALTER TABLE ${COPY}${i} RENAME TO "${name}"`);
    });
    // Before anything else is written: it would lie on the pages that have just become free.
    takeFreePages(sql, used);
    for (const { name, more, sequence } of tables) {
      for (const definition of more) sql.run(definition);
      if (sequence !== null) sql.run("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", sequence, name);
    }
    index?.putUp();
  });
}

/** Also those of a scrub that was ended half-way. */
export function giveFreePages(sql: Sql): void {
  sql.run(`DROP TABLE IF EXISTS ${ZEROS}`);
}

/** Blobs lie on pages of their own, and fill them to the last byte. */
function takeFreePages(sql: Sql, bytes: number): void {
  for (let left = bytes; left > 0; left -= BLOB_BYTES) sql.run(`INSERT INTO ${ZEROS} (zeros) VALUES (zeroblob(?))`, Math.min(left, BLOB_BYTES));
}

function readTables(sql: Sql): Table[] {
  const found = sql.all("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL").map((row) => ({ name: row["name"] as string, sql: row["sql"] as string }));
  const virtual = found.filter((table) => table.sql.startsWith("CREATE VIRTUAL TABLE")).map(({ name }) => name);
  // What the platform and SQLite itself keep, and what stands behind a virtual table, is theirs.
  const own = found.filter(({ name }) => !/^(?:_cf_|sqlite_|scrub_)/u.test(name) && !virtual.some((owner) => name === owner || name.startsWith(`${owner}_`)));
  return own.map((table) => ({
    ...table,
    more: sql.all("SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND tbl_name = ? AND sql IS NOT NULL", table.name).map((row) => row["sql"] as string),
    sequence: table.sql.includes("AUTOINCREMENT") ? ((sql.all("SELECT seq FROM sqlite_sequence WHERE name = ?", table.name)[0]?.["seq"] as number | undefined) ?? null) : null,
  }));
}
