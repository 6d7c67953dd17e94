// The archiver's process on a real Cassandra, killed within its writes.
import { Client } from "cassandra-driver";
import { expect, test } from "vitest";
import { CassandraStore } from "../../archiver/stores/cassandra.ts";
import { readAll } from "../contracts/archive-store.ts";
import { cassandra } from "../servers.ts";
import { size } from "../sizes.ts";
import { environment, freshFolder } from "./archiver-process.ts";
import { FakeEdge } from "./fake-edge.ts";
import { killAgainAndAgain } from "./killed.ts";
import { TestBucket } from "./test-bucket.ts";
import { Way } from "./way.ts";

const rounds = size("kills of the archiver, Cassandra", 5, 200);

test("[B18] killed again and again within its writes to Cassandra, it loses, doubles and reorders nothing", async () => {
  const [node, bucket, edge] = await Promise.all([cassandra(), TestBucket.make(), new FakeEdge().open()]);
  const keyspace = `killed_${process.pid}_${Date.now()}`;
  const way = new Way(node.host, node.port);
  await way.open();
  const env = {
    ...environment(bucket.config, edge.url, freshFolder()),
    CASSANDRA_CONTACT_POINTS: node.host, CASSANDRA_PORT: String(way.port), CASSANDRA_DATACENTER: node.datacenter, CASSANDRA_KEYSPACE: keyspace,
  };
  const store = new CassandraStore({ contactPoints: [node.host], dataCenter: node.datacenter, port: node.port, keyspace, credentials: null, tls: null }, 220_752_000, Date.now);
  await store.open();
  const { runs, midway, last } = await killAgainAndAgain({ rounds, way, chunks: 120, seed: 2, bucket, edge, env });
  last.kill("SIGTERM");
  expect(await last.ended).toBe(0);
  expect(midway).toBeGreaterThanOrEqual(rounds / 2);
  for (const events of runs) expect(await readAll(store, events)).toEqual(events);
  await Promise.all([store.close(), way.cut(), edge.close()]);
  bucket.close();
  const raw = new Client({ contactPoints: [node.host], localDataCenter: node.datacenter, protocolOptions: { port: node.port } });
  // A page after the other: one count of so many rows takes longer than a node waits.
  let rows = 0;
  for await (const _row of await raw.execute(`SELECT message_id FROM ${keyspace}.messages`, [], { fetchSize: 2_000, prepare: true, readTimeout: 60_000 })) rows += 1;
  expect(rows).toBe(runs.flat().length);
  await raw.execute(`DROP KEYSPACE ${keyspace}`, [], { readTimeout: 60_000 });
  await raw.shutdown();
}, 60_000 + rounds * 15_000);
