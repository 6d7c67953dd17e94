// An object's storage: SQLite in memory, with what the platform promises of it. Writes of one event are one transaction, which
// becomes durable some time later; until then nothing that followed them leaves the object, and a crash takes them back.
import { Schema } from "./schema.ts";

type Value = string | number | null | ArrayBuffer | Uint8Array;

export interface StoragePorts {
  /** Something waits to become durable. */
  began(): void;
  committed(): void;
}

interface Cursor {
  toArray(): Record<string, unknown>[];
  rowsWritten: number;
}

interface Durable {
  alarm: number | null;
  firing: number | null;
  scripts: number;
}

const NOTHING: Cursor = { toArray: () => [], rowsWritten: 0 };

export class ObjectStorage {
  /** Writes wait to become durable. */
  uncommitted = false;
  /** ms; null: none stands. */
  alarm: number | null = null;
  /** That of the alarm whose handler runs: it stands until the handler has returned, or set another. */
  firing: number | null = null;
  /** How many of its schema's scripts the object has run. */
  #scripts = 0;
  #durable: Durable = { alarm: null, firing: null, scripts: 0 };
  readonly #schema: Schema;
  readonly #ports: StoragePorts;

  constructor(kind: string, ports: StoragePorts) {
    this.#schema = Schema.take(kind);
    this.#ports = ports;
  }

  get database(): Schema["database"] {
    return this.#schema.database;
  }

  /** Its tables are made, which is the first that an object writes. */
  get exists(): boolean {
    return this.#scripts > 0;
  }

  readonly sql = {
    exec: (query: string, ...bindings: Value[]): Cursor => this.#exec(query, bindings),
    /** Of a small object: it is never too large for anything. */
    databaseSize: 4_096,
  };

  transactionSync<T>(change: () => T): T {
    this.#begin();
    const before = this.#scripts;
    this.database.exec("SAVEPOINT change");
    try {
      const result = change();
      this.database.exec("RELEASE change");
      return result;
    } catch (error) {
      this.#scripts = before;
      this.database.exec("ROLLBACK TO change");
      this.database.exec("RELEASE change");
      throw error;
    }
  }

  getAlarm(): Promise<number | null> {
    return Promise.resolve(this.alarm);
  }

  setAlarm(at: number): Promise<void> {
    this.#begin();
    this.alarm = at;
    this.firing = null;
    return Promise.resolve();
  }

  deleteAlarm(): Promise<void> {
    this.#begin();
    this.alarm = null;
    return Promise.resolve();
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  commit(): void {
    if (!this.uncommitted) return;
    this.database.exec("RELEASE turn");
    this.uncommitted = false;
    this.#durable = { alarm: this.alarm, firing: this.firing, scripts: this.#scripts };
    this.#ports.committed();
  }

  /** The object is gone: what was not durable never was, and an alarm whose handler did not return stands again. */
  crash(): void {
    if (this.uncommitted) this.database.exec("ROLLBACK TO turn; RELEASE turn");
    this.uncommitted = false;
    const { alarm, firing, scripts } = this.#durable;
    this.alarm = alarm ?? firing;
    this.firing = null;
    this.#scripts = scripts;
    this.#durable = { alarm: this.alarm, firing: null, scripts };
  }

  /** Its alarm's handler is about to run. */
  fire(): void {
    this.firing = this.alarm;
    this.alarm = null;
    if (!this.uncommitted) Object.assign(this.#durable, { alarm: null, firing: this.firing });
  }

  /** The handler has returned. */
  fired(): void {
    this.firing = null;
    if (!this.uncommitted) this.#durable.firing = null;
  }

  /** The platform has given the alarm up. */
  lose(): void {
    this.alarm = null;
    this.#durable.alarm = null;
  }

  close(): void {
    if (this.uncommitted) this.database.exec("RELEASE turn");
    this.#schema.giveBack();
  }

  #begin(): void {
    if (this.uncommitted) return;
    this.uncommitted = true;
    this.database.exec("SAVEPOINT turn");
    this.#ports.began();
  }

  #exec(query: string, bindings: readonly Value[]): Cursor {
    const prepared = this.#schema.statement(query, this.#scripts);
    if (prepared === "absent") return NOTHING;
    if (prepared === "script") {
      this.#begin();
      this.#scripts += this.#schema.run(query, this.#scripts, this.#durable.scripts === 0) ? 1 : 0;
      return { toArray: () => [], rowsWritten: 1 };
    }
    const { statement, reads, returns } = prepared;
    const given = bindings.map((value) => (value instanceof ArrayBuffer ? new Uint8Array(value) : value));
    if (reads) {
      const rows = statement.all(...given);
      return rows.length === 0 ? NOTHING : { toArray: () => rows, rowsWritten: 0 };
    }
    this.#begin();
    if (returns) {
      const rows = statement.all(...given);
      return { toArray: () => rows, rowsWritten: rows.length };
    }
    return { toArray: () => [], rowsWritten: Number(statement.run(...given).changes) };
  }
}
