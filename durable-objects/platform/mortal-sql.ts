// The Sql port of parts that may outlive what they stand on: once their storage was emptied below them they write no more.
import type { Sql } from "./sql.ts";

/** Reads go on: a part that ends late finds what is there. */
export function mortalSql(sql: Sql, alive: () => boolean): Sql {
  const living = <R>(change: () => R): R => {
    if (!alive()) throw new Error("this conversation was closed to be restored");
    return change();
  };
  return {
    all: (query, ...bindings) => sql.all(query, ...bindings),
    run: (query, ...bindings) => living(() => sql.run(query, ...bindings)),
    transaction: (change) => living(() => sql.transaction(change)),
    get rowsWritten() {
      return sql.rowsWritten;
    },
  };
}
