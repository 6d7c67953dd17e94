// Node's modules as the archiver's code gets them here: nothing leaves the process, and time is the world's.
import { DatabaseSync } from "node:sqlite";

type Listener = (request: unknown, response: unknown) => void;

/** `node:http`: a server that nobody can reach but the world. */
export function createServer(_options: object, listener: Listener): { listener: Listener } {
  return { listener };
}

/** `node:timers/promises` */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    globalThis.setTimeout(resolve, ms);
  });
}
export { pause as setTimeout };

/** `node:fs` of a store in memory: its file is there, and stays the same. */
export const mkdirSync = (): void => undefined;
export const statSync = (): { dev: number; ino: number } => ({ dev: 1, ino: 1 });

/** `node:sqlite` of the store: in memory. */
class MemoryDatabase extends DatabaseSync {
  static readonly opened: MemoryDatabase[] = [];

  constructor() {
    super(":memory:");
    MemoryDatabase.opened.push(this);
  }

  /** Empty again, for the next world. */
  clear(): void {
    for (const { name } of this.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'").all()) {
      if (name !== "schema") this.exec(`DELETE FROM ${String(name)}`);
    }
  }
}
export { MemoryDatabase, MemoryDatabase as DatabaseSync };
