// The same over a real Cassandra, whose rows are altered by CQL.
import { Client, types } from "cassandra-driver";
import { afterAll, beforeAll } from "vitest";
import { type Product, startProduct } from "../product.ts";
import { cassandra } from "../servers.ts";
import { ARCHIVING, auditSuite, type Vault } from "./audit-suite.ts";

const KEYSPACE = `confab_audit_${process.pid}`;
let product: Product;
let client: Client;
let env: Record<string, string>;

beforeAll(async () => {
  const node = await cassandra();
  env = { CASSANDRA_CONTACT_POINTS: node.host, CASSANDRA_PORT: String(node.port), CASSANDRA_DATACENTER: node.datacenter, CASSANDRA_KEYSPACE: KEYSPACE };
  product = await startProduct({ env: { ...ARCHIVING, ...env } });
  client = new Client({ contactPoints: [`${node.host}:${node.port}`], localDataCenter: node.datacenter, protocolOptions: { port: node.port } });
  await client.connect();
});
afterAll(async () => {
  await product.discard();
  await client.execute(`DROP KEYSPACE IF EXISTS ${KEYSPACE}`);
  await client.shutdown();
});

const run = (query: string, params: unknown[]) => client.execute(query, params, { prepare: true });

/** Where the row of a seq lies. */
async function placesOf(id: string): Promise<Map<number, types.Row>> {
  const { rows: buckets } = await run(`SELECT bucket FROM ${KEYSPACE}.buckets WHERE conversation_id = ?`, [id]);
  const found = new Map<number, types.Row>();
  for (const { bucket } of buckets as unknown as { bucket: string }[]) {
    const { rows } = await run(`SELECT * FROM ${KEYSPACE}.messages WHERE conversation_id = ? AND bucket = ?`, [id, bucket]);
    for (const row of rows) found.set(Number(row["seq"] as bigint), row);
  }
  return found;
}

async function update(id: string, row: types.Row, columns: Record<string, unknown>): Promise<void> {
  const names = Object.keys(columns);
  await run(
    `UPDATE ${KEYSPACE}.messages SET ${names.map((name) => `${name} = ?`).join(", ")} WHERE conversation_id = ? AND bucket = ? AND message_id = ?`,
    [...Object.values(columns), id, row["bucket"], row["message_id"]],
  );
}

const vault: Vault = {
  get env() {
    return env;
  },
  async remove(id, seqs) {
    const places = await placesOf(id);
    for (const seq of seqs) {
      await run(`DELETE FROM ${KEYSPACE}.messages WHERE conversation_id = ? AND bucket = ? AND message_id = ?`, [id, places.get(seq)?.["bucket"], places.get(seq)?.["message_id"]]);
    }
  },
  async write(id, seq, columns) {
    await update(id, (await placesOf(id)).get(seq) as types.Row, columns);
  },
  async exchange(id, columns, a, b) {
    const places = await placesOf(id);
    const [one, other] = [places.get(a), places.get(b)] as [types.Row, types.Row];
    const of = (row: types.Row) => Object.fromEntries(columns.map((column) => [column, row[column] as unknown]));
    await update(id, one, of(other));
    await update(id, other, of(one));
  },
  async removeAll(id) {
    for (const { bucket } of (await run(`SELECT bucket FROM ${KEYSPACE}.buckets WHERE conversation_id = ?`, [id])).rows as unknown as { bucket: string }[]) {
      await run(`DELETE FROM ${KEYSPACE}.messages WHERE conversation_id = ? AND bucket = ?`, [id, bucket]);
    }
    for (const table of ["buckets", "segments", "archived", "receipts"]) await run(`DELETE FROM ${KEYSPACE}.${table} WHERE conversation_id = ?`, [id]);
  },
};

auditSuite(() => ({ product, vault }));
