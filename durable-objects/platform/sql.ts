// The port through which stores see SQLite: an object's storage in production, node:sqlite in contract tests.

export type SqlValue = string | number | null | ArrayBuffer | Uint8Array;
export type Row = Record<string, unknown>;

export interface Sql {
  /** All rows of a query. */
  all(query: string, ...bindings: SqlValue[]): Row[];
  /** The same, each row as its values in the order of the columns: of hundreds of rows a third of the time. */
  values(query: string, ...bindings: SqlValue[]): unknown[][];
  /** Runs a change, or a script without bindings. */
  run(query: string, ...bindings: SqlValue[]): void;
  /** All of `change` or nothing. */
  transaction<T>(change: () => T): T;
  /** Rows written by this object since it woke, index entries included. */
  readonly rowsWritten: number;
}
