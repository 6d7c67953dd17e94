// What every object's store begins with: its SQL, whether the object was ever created, and its schema.
import type { Migration } from "../../migrations/migration.ts";
import { migrate, schemaVersion } from "./migrate.ts";
import type { Sql } from "./sql.ts";

export abstract class ObjectStore {
  readonly sql: Sql;
  private readonly migrations: readonly Migration[];

  constructor(sql: Sql, migrations: readonly Migration[]) {
    this.sql = sql;
    this.migrations = migrations;
  }

  exists(): boolean {
    return schemaVersion(this.sql) > 0;
  }

  migrate(): void {
    migrate(this.sql, this.migrations);
  }
}
