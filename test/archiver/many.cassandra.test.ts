// Several archivers on a real Cassandra.
import { Client } from "cassandra-driver";
import { afterAll } from "vitest";
import { CassandraStore } from "../../archiver/stores/cassandra.ts";
import { cassandra } from "../servers.ts";
import { freshFolder } from "./archiver-process.ts";
import { manyArchivers } from "./many.ts";

const made: { keyspace: string; store: CassandraStore }[] = [];

afterAll(async () => {
  const node = await cassandra();
  const raw = new Client({ contactPoints: [node.host], localDataCenter: node.datacenter, protocolOptions: { port: node.port } });
  for (const { keyspace, store } of made.splice(0)) {
    await store.close();
    await raw.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`, [], { readTimeout: 60_000 });
  }
  await raw.shutdown();
});

manyArchivers("Cassandra", async () => {
  const node = await cassandra();
  const keyspace = `many_${process.pid}_${made.length}_${Date.now()}`;
  const store = new CassandraStore({ contactPoints: [node.host], dataCenter: node.datacenter, port: node.port, keyspace, credentials: null, tls: null }, 220_752_000, Date.now);
  await store.open();
  made.push({ keyspace, store });
  return {
    env: {
      DATA_DIR: freshFolder(), CASSANDRA_CONTACT_POINTS: node.host, CASSANDRA_PORT: String(node.port), CASSANDRA_DATACENTER: node.datacenter, CASSANDRA_KEYSPACE: keyspace,
    },
    store,
  };
});
