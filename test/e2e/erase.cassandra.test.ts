// An erased person in a real Cassandra: what is left in tables, and in the node's files once they were flushed and compacted.
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import cassandra from "cassandra-driver";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../../scripts/ports.ts";
import { type Cassandra, nodetool, startCassandra } from "../../scripts/services/cassandra.ts";
import { type Product, startProduct } from "../product.ts";
import { newUser, operator, statsOf, until } from "./api.ts";
import { archiverCommand } from "./archiver-command.ts";
import { bucketOf } from "./bucket-of.ts";
import { filesWith } from "./planted.ts";

const folder = mkdtempSync(path.join(tmpdir(), "confab-erased-"));
const KEYSPACE = "confab_erased";
let node: Cassandra;
let jmxPort: number;
let product: Product;
let env: Record<string, string>;

// A node of its own: it is drained, and its files are read.
beforeAll(async () => {
  jmxPort = await freePort();
  node = await startCassandra({ dataDir: folder, durable: true, brief: true, jmxPort });
  env = { CASSANDRA_CONTACT_POINTS: node.host, CASSANDRA_PORT: String(node.port), CASSANDRA_DATACENTER: node.datacenter, CASSANDRA_KEYSPACE: KEYSPACE };
  product = await startProduct({
    env: { CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_EVENTS: "20", CONFAB_SEAL_AFTER_MS: "300", CONFAB_HOT_EVENTS: "5", CONFAB_HOT_DAYS: "0", ARCHIVER_POLL_MS: "200", ...env },
  });
});
afterAll(async () => {
  await product.discard();
  node.kill();
  await node.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function query(text: string): Promise<cassandra.types.Row[]> {
  const client = new cassandra.Client({ contactPoints: [`${node.host}:${node.port}`], localDataCenter: node.datacenter, protocolOptions: { port: node.port }, keyspace: KEYSPACE });
  try {
    return (await client.execute(text)).rows;
  } finally {
    await client.shutdown();
  }
}

const rows = () => query("SELECT * FROM messages");

test("[X4] [X6] an erased person's content is in no row of Cassandra, and in no file of the node behind a flush, a compaction and a drain", async () => {
  const service = await operator(product);
  // The archiver makes the tables; and what is compressed could hide a word.
  await until(() => query("SELECT user_id FROM erased").then(() => true, () => false), (there) => there, 60_000);
  await query("ALTER TABLE messages WITH compression = {'enabled': 'false'}");
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const planted = `planted${randomBytes(6).toString("hex")}`;
  const { conversation_id: id } = await bob.group([ann]);
  const bucket = bucketOf(product);
  const { archiver } = product.pids();
  if (archiver === null) throw new Error("no archiver runs");
  process.kill(archiver, "SIGSTOP");
  const { msg_id } = await ann.send(id, `${planted} `.repeat(50));
  const socket = await ann.socket();
  await socket.ask({ type: "edit", client_msg_id: randomUUID(), conversation_id: id, target_msg_id: msg_id, content: `edited: ${planted}` });
  await socket.ask({ type: "react", client_msg_id: randomUUID(), conversation_id: id, target_msg_id: msg_id, emoji: planted, on: true });
  await socket.close();
  for (let i = 0; i < 20; i += 1) await bob.send(id, `filler ${i}`);
  const key = await until(async () => (await bucket.keys()).find((name) => name.includes(id)), (found) => found !== undefined) as string;
  const older = { key, bytes: await bucket.bytes(key) as Uint8Array<ArrayBuffer>, metadata: await bucket.metadata(key) };
  process.kill(archiver, "SIGCONT");
  await until(() => statsOf(service, id), ({ archived_seq, head_seq }) => archived_seq === head_seq, 60_000);
  await nodetool({ dataDir: folder, jmxPort }, "flush", KEYSPACE);
  expect(JSON.stringify(await rows())).toContain(planted);
  expect(filesWith(folder, planted).map((file) => file.split("/")[0])).toEqual(expect.arrayContaining(["data"]));
  const before = (await rows()).map((row) => [String(row["message_id"]), (row["content_hash"] as Buffer).toString("hex")]);

  expect(await archiverCommand(product, ["hold", "user", ann.name, "--reason", "claim 7"], env)).toMatchObject({ code: 0 });
  const refused = await archiverCommand(product, ["erase", ann.name], env);
  expect([refused.code, refused.lines, refused.stderr.includes(`user ${ann.name} is held (claim 7)`)]).toEqual([4, [], true]);
  expect(await archiverCommand(product, ["release", "user", ann.name], env)).toMatchObject({ code: 0 });
  const erased = await archiverCommand(product, ["erase", ann.name], env);
  expect(erased, erased.stderr).toMatchObject({ code: 0, lines: [{ nothing_left: true }] });
  const head = (await statsOf(service, id)).head_seq;
  await until(() => statsOf(service, id), ({ archived_seq }) => archived_seq >= head, 60_000);
  // The older copy once more.
  await bucket.put(older);
  await until(async () => bucket.keys(), (keys) => !keys.includes(older.key), 60_000);
  const after = await rows();
  expect(JSON.stringify(after)).not.toContain(planted);
  expect(after.map((row) => [String(row["message_id"]), (row["content_hash"] as Buffer).toString("hex")])).toEqual(expect.arrayContaining(before));
  expect(after.every((row) => row["content"] !== null || row["type"] !== "msg")).toBe(true);

  // What the operations page says.
  for (const command of [["flush", KEYSPACE], ["compact", KEYSPACE]]) await nodetool({ dataDir: folder, jmxPort }, ...command);
  await expect.poll(() => filesWith(folder, planted).filter((file) => file.startsWith("data/")), { timeout: 30_000, interval: 1_000 }).toEqual([]);
  await nodetool({ dataDir: folder, jmxPort }, "drain");
  await expect.poll(() => filesWith(folder, planted), { timeout: 30_000, interval: 1_000 }).toEqual([]);
}, 300_000);
