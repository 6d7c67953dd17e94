// The file that a conversation's object is kept in, for losing it or bringing an older one back. The product must not run.
import { copyFileSync, existsSync, globSync, rmSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Product } from "../product.ts";

const PARTS = ["", "-wal", "-shm"];

/** Its path without what SQLite hangs to it. */
export function objectFile(product: Product, conversationId: string): string {
  for (const file of globSync("edge/**/*.sqlite", { cwd: product.dataDir })) {
    const whole = path.join(product.dataDir, file);
    // An object that was asked for and never created has no tables.
    const db = new DatabaseSync(whole);
    try {
      const tables = db.prepare("SELECT name FROM sqlite_master WHERE name = 'conversation'").all();
      if (tables.length > 0 && db.prepare("SELECT conversation_id FROM conversation").get()?.["conversation_id"] === conversationId) return whole;
    } finally {
      db.close();
    }
  }
  throw new Error(`no file holds ${conversationId}`);
}

export function removeObject(file: string): void {
  for (const part of PARTS) rmSync(file + part, { force: true });
}

export function copyObject(from: string, to: string): void {
  removeObject(to);
  for (const part of PARTS) if (existsSync(from + part)) copyFileSync(from + part, to + part);
}
