// The Sql port on node:sqlite, so that stores and what stands on them run in plain Node.
import { DatabaseSync } from "node:sqlite";
import type { Row, Sql } from "../../durable-objects/platform/sql.ts";

export function nodeSql(database = new DatabaseSync(":memory:")): Sql {
  let rowsWritten = 0;
  return {
    all: (query, ...bindings) => database.prepare(query).all(...bindings.map(given)) as Row[],
    values: (query, ...bindings) => {
      const statement = database.prepare(query);
      statement.setReturnArrays(true);
      return statement.all(...bindings.map(given)) as unknown as unknown[][];
    },
    run: (query, ...bindings) => {
      if (bindings.length === 0) database.exec(query);
      else rowsWritten += Number(database.prepare(query).run(...bindings.map(given)).changes);
    },
    transaction: (change) => {
      database.exec("SAVEPOINT change");
      try {
        const result = change();
        database.exec("RELEASE change");
        return result;
      } catch (error) {
        database.exec("ROLLBACK TO change");
        database.exec("RELEASE change");
        throw error;
      }
    },
    get rowsWritten() {
      return rowsWritten;
    },
  };
}

function given(value: string | number | null | ArrayBuffer | Uint8Array): string | number | null | Uint8Array {
  return value instanceof ArrayBuffer ? new Uint8Array(value) : value;
}
