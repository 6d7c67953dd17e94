// Databases of one kind of object, used by one world after the other: making a schema takes longer than what most objects do in a
// world. A database has its tables from the start; they are hidden until the object has run the scripts that make them, and all
// that a world does is one transaction that is rolled back in its end.
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { compileFunction } from "node:vm";

export type Value = string | number | null | Uint8Array;
export type Row = Record<string, unknown>;

export class Prepared {
  readonly reads: boolean;
  readonly returns: boolean;
  readonly #statement: StatementSync;
  /** Node's own rows are slow to make and to read: each is a dictionary. Made with its first rows: a schema that changes makes another statement. */
  #toRow: ((values: unknown[]) => Row) | null = null;

  constructor(database: DatabaseSync, query: string) {
    this.#statement = database.prepare(query);
    this.#statement.setReturnArrays(true);
    this.reads = /^\s*(SELECT|PRAGMA)\b/i.test(query);
    this.returns = /\bRETURNING\b/i.test(query);
  }

  /** @returns how many rows it changed */
  run(bindings: Value[]): number {
    return Number(this.#statement.run(...bindings).changes);
  }

  all(bindings: Value[]): Row[] {
    const rows = this.#statement.all(...bindings) as unknown as unknown[][];
    if (rows.length === 0) return [];
    this.#toRow ??= rowMaker(this.#statement.columns().map(({ name }) => name));
    return rows.map(this.#toRow);
  }
}

/** By their columns' names. */
const makers = new Map<string, (values: unknown[]) => Row>();

/** As one literal, which is one shape. */
function rowMaker(names: readonly string[]): (values: unknown[]) => Row {
  const literal = `{ ${names.map((name, i) => `${JSON.stringify(name)}: values[${i}]`).join(", ")} }`;
  const known = makers.get(literal);
  if (known !== undefined) return known;
  const made = compileFunction(`return ${literal};`, ["values"]) as (values: unknown[]) => Row;
  makers.set(literal, made);
  return made;
}

const SCRIPT = /^(\s|--[^\n]*\n)*(CREATE|ALTER)\b/i;

/** By kind: what makes its tables, as the first object of that kind ran it. */
const scripts = new Map<string, string[]>();
const free = new Map<string, Schema[]>();

export class Schema {
  readonly database = new DatabaseSync(":memory:");
  readonly #kind: string;
  readonly #scripts: string[];
  /** Its tables are there: scripts run no more. */
  readonly #made: boolean;
  readonly #prepared = new Map<string, Prepared>();

  private constructor(kind: string) {
    this.#kind = kind;
    const known = scripts.get(kind);
    this.#scripts = known ?? [];
    for (const script of this.#scripts) this.database.exec(script);
    this.#made = known !== undefined;
  }

  static take(kind: string): Schema {
    const schema = free.get(kind)?.pop() ?? new Schema(kind);
    schema.database.exec("BEGIN");
    return schema;
  }

  giveBack(): void {
    if (!this.#made) {
      if (this.#scripts.length > 0 && !scripts.has(this.#kind)) scripts.set(this.#kind, this.#scripts);
      this.database.close();
      return;
    }
    this.database.exec("ROLLBACK");
    free.set(this.#kind, [...(free.get(this.#kind) ?? []), this]);
  }

  prepared(query: string): Prepared {
    const known = this.#prepared.get(query);
    if (known !== undefined) return known;
    const prepared = new Prepared(this.database, query);
    this.#prepared.set(query, prepared);
    return prepared;
  }

  /** @param done scripts that the object has run */
  statement(query: string, done: number): Prepared | "script" | "absent" {
    if (this.#made && done < this.#scripts.length && query.includes("sqlite_master")) return "absent";
    const known = this.#prepared.get(query);
    if (known !== undefined) return known;
    // A statement of no parameters may be several.
    if (!query.includes("?") && !/^\s*(SELECT|WITH|PRAGMA)\b/i.test(query)) return "script";
    return this.prepared(query);
  }

  /**
   * @param creating the object is made with this: what makes its tables later is made anew in each world
   * @returns whether it is one of the schema's
   */
  run(query: string, done: number, creating: boolean): boolean {
    const ofSchema = creating && SCRIPT.test(query);
    if (!ofSchema || !this.#made) {
      this.database.exec(query);
      // Again, where a crash took it back.
      if (ofSchema) this.#scripts[done] = query;
      return ofSchema;
    }
    if (this.#scripts[done] !== query) throw new Error(`the schema of ${this.#kind} is made otherwise than before`);
    return true;
  }
}
