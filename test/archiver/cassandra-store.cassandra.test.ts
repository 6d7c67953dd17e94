// The store on a real Cassandra: the contract, and what is its own. In keyspaces of its own.
import { Client, types } from "cassandra-driver";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CassandraConfig } from "../../archiver/config.ts";
import { type Migration, migrateCassandra, readMigrations } from "../../archiver/migrate.ts";
import { CassandraStore } from "../../archiver/stores/cassandra.ts";
import { SPLIT_VERSION } from "../../archiver/stores/cassandra-layout.ts";
import { SchemaTooNew, StoreRefused, StoreUnavailable } from "../../archiver/stores/store.ts";
import { bucketOf, clockOf } from "../../protocol/msg-id.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import { archiveStoreContract, planOf, readAll } from "../contracts/archive-store.ts";
import { cassandra } from "../servers.ts";
import { conversationId, run, text } from "./segments.ts";
import { Way } from "./way.ts";

const KEYSPACE = `archive_${process.pid}_${Date.now()}`;
const YEARS_7 = 220_752_000;

let node: Awaited<ReturnType<typeof cassandra>>;
let raw: Client;
const stores: CassandraStore[] = [];
const keyspaces = new Set<string>();

function configOf(keyspace: string, port = node.port): CassandraConfig {
  keyspaces.add(keyspace);
  return { contactPoints: [node.host], dataCenter: node.datacenter, port, keyspace, credentials: null, tls: null };
}

function newStore(keyspace = KEYSPACE, { retentionS = YEARS_7, now = Date.now, port = node.port } = {}): CassandraStore {
  const store = new CassandraStore(configOf(keyspace, port), retentionS, now);
  stores.push(store);
  return store;
}

function newClient(): Client {
  return new Client({
    contactPoints: [node.host], localDataCenter: node.datacenter, protocolOptions: { port: node.port }, encoding: { useBigIntAsLong: true },
  });
}

beforeAll(async () => {
  node = await cassandra();
  raw = newClient();
  await raw.connect();
});

afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  for (const keyspace of keyspaces) await raw.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`, [], { readTimeout: 60_000 });
  await raw.shutdown();
});

archiveStoreContract("Cassandra", ({ retentionS, now }) => newStore(KEYSPACE, { retentionS, now }));

describe("rows in Cassandra", () => {
  const conversation = conversationId("rows in Cassandra");
  const events = run([text("one"), text("two")], { conversation, at: Date.UTC(2026, 10, 20) });
  const [one] = events as [SegmentEvent];

  test("[B8] DESCRIBE TABLE shows the columns, partitioned by conversation and bucket, message_id descending", async () => {
    await newStore().open();
    const { rows } = await raw.execute(`DESCRIBE TABLE ${KEYSPACE}.messages`);
    const statement = rows[0]?.["create_statement"] as string;
    for (const column of ["conversation_id text", "message_id uuid", "sender_id text", "content text", "type text", "status text", "created_at timestamp"]) {
      expect(statement).toContain(`    ${column}`);
    }
    expect(statement).toContain("PRIMARY KEY ((conversation_id, bucket), message_id)");
    expect(statement).toContain("CLUSTERING ORDER BY (message_id DESC)");
    expect(statement).toContain("'class': 'org.apache.cassandra.db.compaction.UnifiedCompactionStrategy', 'scaling_parameters': 'L4'");
    expect(statement).toContain("compression = {'chunk_length_in_kb': '16', 'class': 'org.apache.cassandra.io.compress.ZstdCompressor'}");
    expect(statement).toContain("gc_grace_seconds = 864000");
    const tables = await raw.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", [KEYSPACE], { prepare: true });
    expect(tables.rows.map((row) => row["table_name"] as string)).toEqual(expect.arrayContaining(["archived", "archivers", "buckets", "epochs", "erased", "holds", "messages", "receipts", "schema_version", "segments"]));
  });

  test("[B8] message ids fall with the clustering order, seq with them, and times never rise", async () => {
    const store = newStore();
    await store.open();
    const many = run(Array.from({ length: 300 }, (_, i) => text(`${i}`)), { conversation: conversationId("order"), at: Date.UTC(2026, 10, 20) });
    await store.write(planOf(many));
    const { rows } = await raw.execute(`SELECT message_id, seq, created_at FROM ${KEYSPACE}.messages WHERE conversation_id = ? AND bucket = '2026-11'`, [conversationId("order")], { prepare: true });
    const ids = rows.map((row) => String(row["message_id"]));
    expect(ids).toEqual(ids.toSorted().toReversed());
    expect(rows.map((row) => Number(row["seq"] as bigint))).toEqual(Array.from({ length: 300 }, (_, i) => 300 - i));
    const times = rows.map((row) => (row["created_at"] as Date).getTime());
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  });

  test("[B9] a row's write time is its event's clock, its life what is left of the retention, and no cell is a tombstone", async () => {
    const store = newStore();
    await store.open();
    await store.write(planOf(events));
    const { rows } = await raw.execute(
      `SELECT WRITETIME(body) AS written, TTL(body) AS left, WRITETIME(client_msg_id) AS unset FROM ${KEYSPACE}.messages WHERE conversation_id = ? AND bucket = ? AND message_id = ?`,
      [conversation, bucketOf(one.msg_id), one.msg_id], { prepare: true },
    );
    expect(rows[0]?.["written"]).toBe(BigInt(clockOf(one.msg_id)));
    expect(Math.abs((rows[0]?.["left"] as number) - (Math.floor(one.sent_at / 1_000) + YEARS_7 - Math.floor(Date.now() / 1_000)))).toBeLessThanOrEqual(2);
    expect(rows[0]?.["unset"]).toBeNull();
  });

  test("[B18] a row that Cassandra will never take is refused, not unavailable", async () => {
    const store = newStore(KEYSPACE, { now: () => Date.UTC(2026, 10, 20) });
    await store.open();
    const plan = planOf(events);
    const far = { ...plan, rows: plan.rows.map((row) => ({ ...row, expires_at: (row.expires_at as number) + 700_000_000 })) };
    await expect(store.write(far)).rejects.toBeInstanceOf(StoreRefused);
  });
});

describe("the schema", () => {
  test("[B8] programs that migrate an empty cluster at once all end with the schema", async () => {
    const keyspace = `${KEYSPACE}_at_once`;
    const many = Array.from({ length: 4 }, () => newStore(keyspace));
    await expect.poll(async () => (await Promise.allSettled(many.map((store) => store.open()))).map(({ status }) => status), { timeout: 40_000, interval: 300 })
      .toEqual(many.map(() => "fulfilled"));
    const { rows } = await raw.execute(`SELECT current_version, minimum_compatible_version, migrating FROM ${keyspace}.schema_version`);
    expect(rows).toHaveLength(1);
    expect({ ...rows[0] }).toEqual({ current_version: readMigrations().length, minimum_compatible_version: SPLIT_VERSION, migrating: null });
    const events = run([text("one")], { conversation: conversationId("at once"), at: Date.UTC(2026, 10, 20) });
    await many[0]?.write(planOf(events));
    expect(await readAll(many[3] as CassandraStore, events)).toEqual(events);
  });

  const next = (version: number, minimum: number): Migration => ({
    version, minimum_compatible_version: minimum, file: "", description: "", statements: [`CREATE TABLE IF NOT EXISTS later_${version} (id int PRIMARY KEY)`],
  });

  test("[B8] a newer program adds what is missing, once; this one still runs where that is compatible, and refuses where it is not", async () => {
    const keyspace = `${KEYSPACE}_versions`;
    await newStore(keyspace).open();
    const known = readMigrations();
    const client = newClient();
    await client.connect();
    await migrateCassandra(client, keyspace, node.datacenter, [...known, next(known.length + 1, 1)]);
    await newStore(keyspace).open();
    await migrateCassandra(client, keyspace, node.datacenter, [...known, next(known.length + 1, 1), next(known.length + 2, known.length + 2)]);
    await client.shutdown();
    const tables = await raw.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", [keyspace], { prepare: true });
    expect(tables.rows.map((row) => row["table_name"] as string)).toEqual(expect.arrayContaining([`later_${known.length + 1}`, `later_${known.length + 2}`]));
    const refused = newStore(keyspace);
    await expect(refused.open()).rejects.toBeInstanceOf(SchemaTooNew);
    await expect(refused.open()).rejects.toThrow(`schema is version ${known.length + 2} and needs a program of version ${known.length + 2} or newer; this one is ${known.length}`);
  });

  test("[B8] a migration whose program died goes on once its lock has run out", async () => {
    const keyspace = `${KEYSPACE}_died`;
    await newStore(keyspace).open();
    const known = readMigrations();
    await raw.execute(`UPDATE ${keyspace}.schema_version USING TTL 2 SET migrating = ? WHERE name = 'archive' IF migrating = null`, [types.Uuid.random()], { prepare: true });
    const client = newClient();
    await client.connect();
    const migrate = () => migrateCassandra(client, keyspace, node.datacenter, [...known, next(known.length + 1, 1)]).then(() => "done", (error: Error) => error.message);
    expect(await migrate()).toBe("another program is migrating the keyspace");
    await expect.poll(migrate, { timeout: 20_000, interval: 200 }).toBe("done");
    await client.shutdown();
  });
});

test("[C10] a store opens once the node is there, and goes on by itself after an outage", async () => {
  const way = new Way(node.host, node.port);
  await way.open();
  await way.cut();
  const store = newStore(KEYSPACE, { port: way.port });
  await expect(store.open()).rejects.toBeInstanceOf(StoreUnavailable);
  await expect(store.check()).rejects.toBeInstanceOf(StoreUnavailable);
  await way.open();
  await expect.poll(() => store.open().then(() => "open", () => "closed"), { timeout: 20_000, interval: 200 }).toBe("open");
  const events = run([text("before"), text("after")], { conversation: conversationId("outage"), at: Date.UTC(2026, 10, 20) });
  await store.write(planOf(events.slice(0, 1)));
  await way.cut();
  await expect(store.write(planOf(events.slice(1)))).rejects.toBeInstanceOf(StoreUnavailable);
  await way.open();
  await expect.poll(() => store.write(planOf(events.slice(1))).then(() => "written", () => "down"), { timeout: 30_000, interval: 200 }).toBe("written");
  expect(await readAll(store, events)).toEqual(events);
  await store.close();
  await way.cut();
});
