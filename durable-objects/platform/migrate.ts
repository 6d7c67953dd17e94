// Brings an object's schema to this code's version. Nothing is written before the object is created.
import type { Migration } from "../../migrations/migration.ts";
import type { Sql } from "./sql.ts";

/** The schema's version; 0 for an object that was never created. */
export function schemaVersion(sql: Sql): number {
  return readSchema(sql)?.version ?? 0;
}

function readSchema(sql: Sql): { version: number; min_compatible: number } | null {
  if (sql.all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema'").length === 0) return null;
  const row = sql.all("SELECT version, min_compatible FROM schema")[0];
  return row === undefined ? null : { version: row["version"] as number, min_compatible: row["min_compatible"] as number };
}

/**
 * Applies what is missing, in one transaction. A schema that is newer than the code stays as it is while the code is still
 * compatible with it (the time of a rollback); otherwise it throws, so that old code never writes what new code can't read.
 */
export function migrate(sql: Sql, migrations: readonly Migration[]): void {
  const code = migrations.at(-1)?.version ?? 0;
  const schema = readSchema(sql);
  if (schema !== null && schema.min_compatible > code) {
    throw new Error(`schema ${schema.version} needs code of version ${schema.min_compatible}, this is ${code}`);
  }
  const missing = migrations.filter((migration) => migration.version > (schema?.version ?? 0));
  const last = missing.at(-1);
  if (last === undefined) return;
  sql.transaction(() => {
    if (schema === null) {
      // One row: the schema's version and the oldest code that may work on it.
      sql.run("CREATE TABLE schema (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, min_compatible INTEGER NOT NULL) STRICT");
    }
    for (const migration of missing) sql.run(migration.sql);
    sql.run(
      "INSERT INTO schema (id, version, min_compatible) VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET version = excluded.version, min_compatible = excluded.min_compatible",
      last.version, last.min_compatible,
    );
  });
}
