// The Cassandra of the tests is a real one: it keeps its data, asks for passwords, and can be suspended.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { auth, Client } from "cassandra-driver";
import { afterAll, expect, test, vi } from "vitest";
import { startCassandra } from "../../scripts/services/cassandra.ts";
import { cassandra } from "../servers.ts";
import { size } from "../sizes.ts";

const dataDir = mkdtempSync(path.join(tmpdir(), "confab-node-"));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

type Address = { host: string; port: number; datacenter: string };

async function using<T>(node: Address, work: (client: Client) => Promise<T>, password?: string): Promise<T> {
  const client = new Client({
    contactPoints: [node.host], localDataCenter: node.datacenter, protocolOptions: { port: node.port },
    ...(password === undefined ? {} : { authProvider: new auth.PlainTextAuthProvider("cassandra", password) }),
  });
  try {
    return await work(client);
  } finally {
    await client.shutdown();
  }
}

test("the shared node answers queries", async () => {
  const version = await using(await cassandra(), (client) => client.execute("SELECT release_version FROM system.local"));
  expect(version.first()["release_version"]).toBe("5.0.9");
});

/** Each start of a node is ten seconds of a core. */
const RESTARTS = size("restarts of a killed Cassandra node", 0, 3);

test(`a node of one's own asks for passwords, and keeps its data over ${RESTARTS} kills and restarts on the same port`, async () => {
  let node = await startCassandra({ dataDir, auth: true, durable: true, brief: true });
  // The first user is made a moment after the port opens.
  await vi.waitFor(() => using(node, async (client) => {
    await client.execute("CREATE KEYSPACE IF NOT EXISTS own WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
    await client.execute("CREATE TABLE IF NOT EXISTS own.rows (id int PRIMARY KEY, content text)");
    await client.execute("INSERT INTO own.rows (id, content) VALUES (0, 'kept')");
  }, "cassandra"), { timeout: 60_000, interval: 500 });
  await expect(using(node, (client) => client.connect(), "wrong")).rejects.toThrow();
  for (let restart = 1; restart <= RESTARTS; restart += 1) {
    await using(node, (client) => client.execute("INSERT INTO own.rows (id, content) VALUES (?, 'kept')", [restart], { prepare: true }), "cassandra");
    node.kill();
    node = await startCassandra({ dataDir, auth: true, durable: true, brief: true, port: node.port });
    const rows = await using(node, (client) => client.execute("SELECT content FROM own.rows"), "cassandra");
    expect(rows.rowLength).toBe(restart + 1);
  }
  node.kill();
  await node.stop();
});
