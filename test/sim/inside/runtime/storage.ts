// An object's storage: SQLite in memory, with what the platform promises of it. Writes of one event are one transaction, which
// becomes durable some time later; until then nothing that followed them leaves the object, and a crash takes them back.
import { type Row, Schema, type Value } from "./schema.ts";

export interface StoragePorts {
  /** Something waits to become durable. */
  began(): void;
  committed(): void;
}

interface Cursor {
  toArray(): Row[];
  raw(): Iterable<unknown[]>;
  rowsWritten: number;
}

interface Durable {
  alarm: number | null;
  firing: number | null;
  scripts: number;
}

const NOTHING = cursorOf([], 0);

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
  readonly #kind: string;
  #schema: Schema;
  readonly #ports: StoragePorts;

  constructor(kind: string, ports: StoragePorts) {
    this.#kind = kind;
    this.#schema = Schema.take(kind);
    this.#ports = ports;
  }

  /** What stands in it, for whoever watches. */
  rows(query: string, ...bindings: Value[]): Row[] {
    return this.#schema.prepared(query).all(bindings);
  }

  /** Its tables are made, which is the first that an object writes. */
  get exists(): boolean {
    return this.#scripts > 0;
  }

  readonly sql = {
    exec: (query: string, ...bindings: (Value | ArrayBuffer)[]): Cursor => this.#exec(query, bindings),
    /** Of a small object: it is never too large for anything. */
    databaseSize: 4_096,
  };

  transactionSync<T>(change: () => T): T {
    this.#begin();
    const before = this.#scripts;
    this.#tell("SAVEPOINT change");
    try {
      const result = change();
      this.#tell("RELEASE change");
      return result;
    } catch (error) {
      this.#scripts = before;
      this.#tell("ROLLBACK TO change");
      this.#tell("RELEASE change");
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
    this.#tell("RELEASE turn");
    this.uncommitted = false;
    this.#durable = { alarm: this.alarm, firing: this.firing, scripts: this.#scripts };
    this.#ports.committed();
  }

  /** The object is gone: what was not durable never was, and an alarm whose handler did not return stands again. */
  crash(): void {
    if (this.uncommitted) {
      this.#tell("ROLLBACK TO turn");
      this.#tell("RELEASE turn");
    }
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

  /** All that it had is gone, as if the object had never been. */
  vanish(): void {
    this.close();
    this.#schema = Schema.take(this.#kind);
    this.uncommitted = false;
    this.alarm = null;
    this.firing = null;
    this.#scripts = 0;
    this.#durable = { alarm: null, firing: null, scripts: 0 };
  }

  close(): void {
    if (this.uncommitted) this.#tell("RELEASE turn");
    this.#schema.giveBack();
  }

  #tell(query: string): void {
    this.#schema.prepared(query).run([]);
  }

  #begin(): void {
    if (this.uncommitted) return;
    this.uncommitted = true;
    this.#tell("SAVEPOINT turn");
    this.#ports.began();
  }

  #exec(query: string, bindings: readonly (Value | ArrayBuffer)[]): Cursor {
    const prepared = this.#schema.statement(query, this.#scripts);
    if (prepared === "absent") return NOTHING;
    if (prepared === "script") {
      this.#begin();
      this.#scripts += this.#schema.run(query, this.#scripts, this.#durable.scripts === 0) ? 1 : 0;
      return cursorOf([], 1);
    }
    const given = bindings.map((value) => (value instanceof ArrayBuffer ? new Uint8Array(value) : value));
    if (prepared.reads) {
      const rows = prepared.all(given);
      return rows.length === 0 ? NOTHING : cursorOf(rows, 0);
    }
    this.#begin();
    if (prepared.returns) {
      const rows = prepared.all(given);
      return cursorOf(rows, rows.length);
    }
    return cursorOf([], prepared.run(given));
  }
}

function cursorOf(rows: Row[], rowsWritten: number): Cursor {
  return { toArray: () => rows, raw: () => rows.map((row) => Object.values(row)), rowsWritten };
}
