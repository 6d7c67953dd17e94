// A Cassandra that demands TLS and a password, as an operator's does. `tls/node.pem` is the key and certificate of a node on
// 127.0.0.1, made for tests alone and signed by `authority.pem`, whose key was thrown away; `stranger.pem` has signed nothing.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { auth, Client } from "cassandra-driver";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type CassandraConfig, readConfig } from "../../archiver/config.ts";
import { CassandraStore } from "../../archiver/stores/cassandra.ts";
import { StoreUnavailable } from "../../archiver/stores/store.ts";
import { type Cassandra, startCassandra } from "../../scripts/services/cassandra.ts";
import { planOf, readAll } from "../contracts/archive-store.ts";
import { conversationId, run, text } from "./segments.ts";

const pem = (name: string) => path.join(import.meta.dirname, "tls", `${name}.pem`);
const USER = "confab";
const PASSWORD = "a password for the archiver alone";

let node: Cassandra;
const dataDir = mkdtempSync(path.join(tmpdir(), "confab-secure-"));
const stores: CassandraStore[] = [];

function configOf(more: Record<string, string> = {}): CassandraConfig {
  const { cassandra } = readConfig({
    S3_ENDPOINT: "http://127.0.0.1:1", S3_BUCKET: "none", S3_ACCESS_KEY_ID: "none", S3_SECRET_ACCESS_KEY: "none", EDGE_URL: "http://127.0.0.1:1",
    ARCHIVE_SECRET: "x".repeat(32), CASSANDRA_CONTACT_POINTS: node.host, CASSANDRA_PORT: String(node.port), CASSANDRA_DATACENTER: node.datacenter,
    CASSANDRA_USER: USER, CASSANDRA_PASSWORD: PASSWORD, CASSANDRA_TLS: "1", CASSANDRA_TLS_CA: pem("authority"), ...more,
  });
  return cassandra as CassandraConfig;
}

function newStore(config: CassandraConfig): CassandraStore {
  const store = new CassandraStore(config, 220_752_000, Date.now);
  stores.push(store);
  return store;
}

beforeAll(async () => {
  node = await startCassandra({ dataDir, auth: true, brief: true, tls: pem("node") });
  // The operator makes the keyspace and gives the archiver a role that may do nothing outside it. The first user is made a moment
  // after the port opens.
  await vi.waitFor(async () => {
    const { tls } = configOf();
    const operator = new Client({
      contactPoints: [node.host], localDataCenter: node.datacenter, protocolOptions: { port: node.port },
      authProvider: new auth.PlainTextAuthProvider("cassandra", "cassandra"), sslOptions: { rejectUnauthorized: true, ca: [tls?.ca ?? ""] },
    });
    try {
      await operator.execute("CREATE KEYSPACE IF NOT EXISTS confab WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}");
      await operator.execute(`CREATE ROLE IF NOT EXISTS ${USER} WITH PASSWORD = '${PASSWORD}' AND LOGIN = true`);
      await operator.execute(`GRANT ALL PERMISSIONS ON KEYSPACE confab TO ${USER}`);
    } finally {
      await operator.shutdown();
    }
  }, { timeout: 90_000, interval: 1_000 });
}, 240_000);

afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  node.kill();
  await node.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

test("[C10] over TLS, with a role that may use its keyspace alone, the archive migrates, writes and reads", async () => {
  const store = newStore(configOf());
  await store.open();
  const events = run([text("over TLS"), text("and back")], { conversation: conversationId("secure"), at: Date.UTC(2026, 10, 20) });
  await store.write(planOf(events));
  expect(await readAll(store, events)).toEqual(events);
});

test.each([
  ["without TLS", { CASSANDRA_TLS: "0" }],
  ["with an authority that has not signed the node's certificate", { CASSANDRA_TLS_CA: pem("stranger") }],
  ["with the authorities that Node trusts", { CASSANDRA_TLS_CA: "" }],
  ["with another password", { CASSANDRA_PASSWORD: "cassandra" }],
  ["without a user", { CASSANDRA_USER: "", CASSANDRA_PASSWORD: "" }],
  ["with a keyspace that is not the role's", { CASSANDRA_KEYSPACE: "other" }],
])("[C10] %s nothing is opened", async (_how, more) => {
  await expect(newStore(configOf(more as unknown as Record<string, string>)).open()).rejects.toBeInstanceOf(StoreUnavailable);
});
