// The Sql port on an object's own storage.
import type { Sql, SqlValue } from "./sql.ts";

/** An object's own storage. `counted` hears of every written row. */
export function objectSql(storage: DurableObjectStorage, counted: (rows: number) => void): Sql {
  let rowsWritten = 0;
  const exec = (query: string, bindings: SqlValue[]) => {
    const cursor = storage.sql.exec(query, ...bindings);
    const rows = cursor.toArray();
    if (cursor.rowsWritten > 0) {
      rowsWritten += cursor.rowsWritten;
      counted(cursor.rowsWritten);
    }
    return rows;
  };
  return {
    all: (query, ...bindings) => exec(query, bindings),
    // A query that writes nothing: there is nothing to count.
    values: (query, ...bindings) => [...storage.sql.exec(query, ...bindings).raw()],
    run: (query, ...bindings) => void exec(query, bindings),
    transaction: (change) => storage.transactionSync(change),
    get rowsWritten() {
      return rowsWritten;
    },
  };
}
