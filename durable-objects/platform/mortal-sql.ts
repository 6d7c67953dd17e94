// The Sql port of parts that may outlive what they stand on: once their storage was emptied below them they write no more.
import type { Sql } from "./sql.ts";

/**
 * Reads go on: a part that ends late finds what is there.
 * @param ended what a write throws from then on
 */
export function mortalSql(sql: Sql, alive: () => boolean, ended = "this conversation was closed to be restored"): Sql {
  const living = <R>(change: () => R): R => {
    if (!alive()) throw new Error(ended);
    return change();
  };
  return {
    all: (query, ...bindings) => sql.all(query, ...bindings),
    values: (query, ...bindings) => sql.values(query, ...bindings),
    run: (query, ...bindings) => living(() => sql.run(query, ...bindings)),
    transaction: (change) => living(() => sql.transaction(change)),
    get rowsWritten() {
      return sql.rowsWritten;
    },
  };
}
