// The same with the archive in a real Cassandra.
import { Client } from "cassandra-driver";
import { afterAll, beforeAll } from "vitest";
import { type Product, startProduct } from "../product.ts";
import { cassandra } from "../servers.ts";
import { RESTORING, restoreSuite } from "./restore-suite.ts";

const KEYSPACE = `confab_restore_${process.pid}`;
let product: Product;
let env: Record<string, string>;
let drop: () => Promise<void>;

beforeAll(async () => {
  const { host, port, datacenter } = await cassandra();
  env = { CASSANDRA_CONTACT_POINTS: host, CASSANDRA_PORT: String(port), CASSANDRA_DATACENTER: datacenter, CASSANDRA_KEYSPACE: KEYSPACE };
  product = await startProduct({ env: { ...RESTORING, ...env } });
  drop = async () => {
    const client = new Client({ contactPoints: [`${host}:${port}`], localDataCenter: datacenter, protocolOptions: { port } });
    await client.execute(`DROP KEYSPACE IF EXISTS ${KEYSPACE}`);
    await client.shutdown();
  };
});
afterAll(async () => {
  await product.discard();
  await drop();
});

restoreSuite(() => ({ product, env }));
