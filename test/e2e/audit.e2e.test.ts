// The audit over `npm start` with the embedded archive, whose file is altered behind its back.
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll } from "vitest";
import { type Product, startProduct } from "../product.ts";
import { ARCHIVING, auditSuite, type Vault } from "./audit-suite.ts";

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: ARCHIVING });
});
afterAll(() => product.discard());

async function withFile<T>(work: (db: DatabaseSync) => T): Promise<T> {
  const db = new DatabaseSync(path.join(product.dataDir, "archive", "archive.sqlite"), { timeout: 5_000 });
  try {
    return work(db);
  } finally {
    db.close();
  }
}

const vault: Vault = {
  env: {},
  remove: (id, seqs) => withFile((db) => {
    for (const seq of seqs) db.prepare("DELETE FROM messages WHERE conversation_id = ? AND seq = ?").run(id, seq);
  }),
  write: (id, seq, columns) => withFile((db) => {
    for (const [column, value] of Object.entries(columns)) db.prepare(`UPDATE messages SET ${column} = ? WHERE conversation_id = ? AND seq = ?`).run(value, id, seq);
  }),
  exchange: (id, columns, a, b) => withFile((db) => {
    const read = (seq: number) => db.prepare(`SELECT message_id, ${columns.join(", ")} FROM messages WHERE conversation_id = ? AND seq = ?`).get(id, seq) as Record<string, string>;
    const [one, other] = [read(a), read(b)];
    const write = db.prepare(`UPDATE messages SET ${columns.map((column) => `${column} = ?`).join(", ")} WHERE conversation_id = ? AND message_id = ?`);
    write.run(...columns.map((column) => other[column] as string), id, one["message_id"] as string);
    write.run(...columns.map((column) => one[column] as string), id, other["message_id"] as string);
  }),
  removeAll: (id) => withFile((db) => {
    for (const table of ["messages", "buckets", "segments", "archived", "receipts"]) db.prepare(`DELETE FROM ${table} WHERE conversation_id = ?`).run(id);
  }),
};

auditSuite(() => ({ product, vault }));
