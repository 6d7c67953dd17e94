// Receipts reach the archive as watermarks, with the segments that it takes.
import { DatabaseSync } from "node:sqlite";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { MessageReceipt } from "../../protocol/rpc.ts";
import { type Product, startProduct } from "../product.ts";
import { newUser, operator, statsOf, until, type User } from "./api.ts";

let product: Product;
let service: User;
beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_EVENTS: "5", CONFAB_SEAL_AFTER_MS: "300", ARCHIVER_POLL_MS: "100" } });
  service = await operator(product);
});
afterAll(() => product.discard());

function archivedMarks(id: string): Record<string, unknown>[] {
  const db = new DatabaseSync(path.join(product.dataDir, "archive", "archive.sqlite"), { readOnly: true });
  const rows = db.prepare("SELECT user_id, delivered_seq, delivered_at, read_seq, read_at FROM receipts WHERE conversation_id = ?").all(id);
  db.close();
  return rows.map((row) => ({ ...row }));
}

const untilArchived = (id: string, seq: number) => until(() => statsOf(service, id), ({ archived_seq }) => archived_seq >= seq);

test("[A7] what members have received and read stands in the archive with its times, and goes on with the next segments", async () => {
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  const bobs = await bob.socket();
  const send = async (count: number) => {
    let last = await ann.send(bob, "first");
    for (let i = 1; i < count; i += 1) last = await ann.send(bob, `message ${i}`);
    return last;
  };
  const told = async (up_to_seq: number, status: "DELIVERED" | "READ", msg_id: string) => {
    bobs.send({ type: "receipt", conversation_id: id, up_to_seq, status });
    return until(
      async () => (await ann.call<{ receipts: MessageReceipt[] }>("GET", `/v1/conversations/${id}/receipts?msg_id=${msg_id}`)).body.receipts,
      ([receipt]) => receipt?.status === status,
    );
  };
  const third = await send(3);
  const id = third.conversation_id;
  const [receipt] = await told(3, "READ", third.msg_id);
  const fifth = await send(2);
  await untilArchived(id, 5);
  const [marks] = await until(async () => archivedMarks(id).filter(({ user_id }) => user_id === bob.name), (rows) => rows.length > 0);
  expect(marks).toMatchObject({ user_id: bob.name, delivered_seq: 3, read_seq: 3, read_at: receipt?.updated_at });
  const [later] = await told(5, "DELIVERED", fifth.msg_id);
  await send(5);
  await untilArchived(id, 10);
  await until(async () => archivedMarks(id), (rows) => rows.some(({ user_id, delivered_seq }) => user_id === bob.name && delivered_seq === 5));
  expect(archivedMarks(id).find(({ user_id }) => user_id === bob.name)).toMatchObject({ delivered_seq: 5, delivered_at: later?.updated_at, read_seq: 3, read_at: receipt?.updated_at });
});
