// The main job, end to end: two people chat under `npm start`, and their history stands in a real Cassandra.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import cassandra from "cassandra-driver";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cassandra, startCassandra } from "../../scripts/services/cassandra.ts";
import type { Event } from "../../protocol/events.ts";
import { type Product, startProduct } from "../product.ts";
import { size } from "../sizes.ts";
import { newUser, operator, statsOf, until, type User } from "./api.ts";

const folder = mkdtempSync(path.join(tmpdir(), "confab-cassandra-"));
const KEYSPACE = "confab_main_job";
let node: Cassandra;
let product: Product;

// A node of its own, because this test takes it down.
beforeAll(async () => {
  node = await startCassandra({ dataDir: folder, durable: true, brief: true });
  product = await startProduct({
    env: {
      CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_EVENTS: "20", CONFAB_SEAL_AFTER_MS: "300", CONFAB_HOT_EVENTS: "5", CONFAB_HOT_DAYS: "0", ARCHIVER_POLL_MS: "200",
      CASSANDRA_CONTACT_POINTS: node.host, CASSANDRA_PORT: String(node.port), CASSANDRA_DATACENTER: node.datacenter, CASSANDRA_KEYSPACE: KEYSPACE,
    },
  });
});
afterAll(async () => {
  await product.discard();
  node.kill();
  await node.stop();
  rmSync(folder, { recursive: true, force: true });
});

const range = (length: number, from = 1) => Array.from({ length }, (_, i) => i + from);
const contents = (events: readonly Event[]) => events.map((event) => (event.type === "msg" ? event.content : event.type));

async function query(text: string, ...parameters: unknown[]): Promise<cassandra.types.Row[]> {
  const client = new cassandra.Client({
    contactPoints: [`${node.host}:${node.port}`], localDataCenter: node.datacenter, protocolOptions: { port: node.port },
  });
  try {
    return (await client.execute(text, parameters, { prepare: true })).rows;
  } finally {
    await client.shutdown();
  }
}

async function chat(ann: User, bob: User, from: number, count: number): Promise<string> {
  const sent = [];
  for (const i of range(count, from)) sent.push(await (i % 2 === 0 ? bob.send(ann, `message ${i}`) : ann.send(bob, `message ${i}`)));
  return sent[0]?.conversation_id as string;
}

test("[B8] [B18] the history of a chat stands in Cassandra, newest first, and is read back from there", async () => {
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  const id = await chat(ann, bob, 1, 100);
  const service = await operator(product);
  await until(() => statsOf(service, id), ({ pruned_seq }) => pruned_seq >= 95);
  const bucket = new Date().toISOString().slice(0, 7);
  const rows = await query(`SELECT message_id, seq, sender_id, type, content, status, created_at FROM ${KEYSPACE}.messages WHERE conversation_id = ? AND bucket = ?`, id, bucket);
  expect(rows.map((row) => Number(row["seq"]))).toEqual(range(100).toReversed());
  expect(rows.map((row) => row["content"] as string)).toEqual(range(100).map((i) => `message ${i}`).toReversed());
  expect(new Set(rows.map((row) => `${row["type"]} ${row["status"]}`))).toEqual(new Set(["msg SENT"]));
  const events = await bob.history(id);
  expect(contents(events)).toEqual(range(100).map((i) => `message ${i}`));
  expect(rows.map((row) => String(row["message_id"])).toReversed()).toEqual(events.map((event) => event.msg_id));
  const columns = await query("SELECT column_name, kind, clustering_order FROM system_schema.columns WHERE keyspace_name = ? AND table_name = 'messages'", KEYSPACE);
  const named = new Map(columns.map((row) => [row["column_name"] as string, `${row["kind"]} ${row["clustering_order"]}`]));
  for (const name of ["conversation_id", "message_id", "sender_id", "content", "type", "status", "created_at"]) expect(named.has(name), name).toBe(true);
  expect([named.get("conversation_id"), named.get("bucket"), named.get("message_id")]).toEqual(["partition_key none", "partition_key none", "clustering desc"]);
});

test("[C10] with Cassandra paused chat is unchanged, nothing is pruned, and the archive catches up", async () => {
  const seconds = size("[C10] seconds Cassandra is paused", 5, 600);
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  const id = await chat(ann, bob, 1, 40);
  const service = await operator(product);
  let sent = 40;
  const next = async (): Promise<number> => {
    const before = performance.now();
    sent += 1;
    await (sent % 2 === 0 ? bob.send(ann, `message ${sent}`) : ann.send(bob, `message ${sent}`));
    return performance.now() - before;
  };
  // What else the machine does makes both slow.
  const usual: number[] = [];
  for (let i = 0; i < 60; i += 1) usual.push(await next());
  await until(() => statsOf(service, id), ({ archived_seq }) => archived_seq === sent);
  process.kill(node.pid, "SIGSTOP");
  const times: number[] = [];
  try {
    for (const end = performance.now() + seconds * 1_000; performance.now() < end;) times.push(await next());
  } finally {
    process.kill(node.pid, "SIGCONT");
  }
  const share = (of: readonly number[], part: number) => of.toSorted((x, y) => x - y)[Math.floor(of.length * part)] as number;
  expect(share(times, 0.5)).toBeLessThan(Math.max(100, 2 * share(usual, 0.5)));
  // Whatever waited for Cassandra would wait for seconds.
  expect(share(times, 0.99)).toBeLessThan(Math.max(200, 4 * share(usual, 0.99)));
  await until(() => statsOf(service, id), ({ pruned_seq }) => pruned_seq >= sent - 5, 60_000);
  expect(contents(await bob.history(id))).toEqual(range(sent).map((i) => `message ${i}`));
});

test("[E9] everything restarted, the history is intact, and no relational database is in the archive's path", async () => {
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  const id = await chat(ann, bob, 1, 50);
  const service = await operator(product);
  await until(() => statsOf(service, id), ({ pruned_seq }) => pruned_seq >= 45);
  await product.killTree();
  node.kill();
  await node.stop();
  node = await startCassandra({ dataDir: folder, durable: true, brief: true, port: node.port, storagePort: node.storagePort });
  await product.restart();
  const events = await until(async () => bob.history(id).catch(() => []), (found) => found.length === 50, 60_000);
  expect(contents(events)).toEqual(range(50).map((i) => `message ${i}`));
  expect(existsSync(path.join(product.dataDir, "archive"))).toBe(false);
});
