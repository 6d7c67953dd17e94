// Brings a Cassandra keyspace to this program's schema, by the numbered files of migrations/cassandra.
// Each version says down to which program version it can be used: an older program refuses to run on it.
import { readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { type Client, types } from "cassandra-driver";
import * as v from "valibot";
import { SchemaTooNew } from "./stores/store.ts";

const FOLDER = new URL("../migrations/cassandra/", import.meta.url);
const LOCK_S = 120;
const REPLICAS = 3;

const Version = v.pipe(v.number(), v.integer(), v.minValue(1));
const Manifest = v.object({
  migrations: v.pipe(
    v.array(v.object({ version: Version, minimum_compatible_version: Version, file: v.string(), description: v.string() })),
    v.minLength(1),
    v.check((list) => list.every((migration, i) => migration.version === i + 1), "versions are 1, 2, 3, …"),
  ),
});
export type Migration = v.InferOutput<typeof Manifest>["migrations"][number] & { statements: string[] };

/** What the keyspace says of itself; null before the first migration. */
interface Stored {
  current_version: number;
  minimum_compatible_version: number;
}

/** `--` comments go, and a `;` at a line's end ends a statement. */
export function statementsOf(cql: string): string[] {
  return cql.replaceAll(/^\s*--.*$/gm, "").split(/;\s*$/m).map((statement) => statement.trim()).filter((statement) => statement !== "");
}

export function readMigrations(): Migration[] {
  const manifest = v.parse(Manifest, JSON.parse(readFileSync(new URL("manifest.json", FOLDER), "utf8")));
  return manifest.migrations.map((migration) => ({ ...migration, statements: statementsOf(readFileSync(new URL(migration.file, FOLDER), "utf8")) }));
}

/** The migrations to run. Throws SchemaTooNew where the stored schema may not be used by a program of these. */
export function decideMigrations(stored: Stored | null, known: readonly Migration[]): Migration[] {
  if (stored !== null && stored.minimum_compatible_version > known.length) {
    throw new SchemaTooNew(
      `the keyspace's schema is version ${stored.current_version} and needs a program of version ${stored.minimum_compatible_version} or newer; this one is ${known.length}`,
    );
  }
  return known.filter(({ version }) => version > (stored?.current_version ?? 0));
}

const SERIAL = { prepare: false, consistency: types.consistencies.localQuorum, serialConsistency: types.consistencies.localSerial, isIdempotent: false };

async function define(client: Client, statement: string): Promise<void> {
  const { info } = await client.execute(statement, [], { prepare: false, isIdempotent: false, readTimeout: 30_000 });
  // The driver waits for the agreement up to 10 s; its types lack the field that says whether it came.
  if ((info as { isSchemaInAgreement?: boolean }).isSchemaInAgreement === false) throw new Error("the nodes do not agree on the schema yet");
}

async function createKeyspace(client: Client, keyspace: string, dataCenter: string): Promise<void> {
  const there = await client.execute("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?", [keyspace], { prepare: false });
  if (there.rowLength > 0) return;
  const nodes = client.hosts.values().filter((host) => host.datacenter === dataCenter).length;
  const replication = `{'class': 'NetworkTopologyStrategy', '${dataCenter.replaceAll("'", "''")}': ${Math.min(REPLICAS, nodes)}}`;
  await define(client, `CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH replication = ${replication}`);
}

async function createVersionTable(client: Client, keyspace: string): Promise<void> {
  const there = await client.execute(
    "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'schema_version'", [keyspace], { prepare: false },
  );
  if (there.rowLength > 0) return;
  await define(
    client,
    "CREATE TABLE IF NOT EXISTS schema_version (name text PRIMARY KEY, current_version int, minimum_compatible_version int, migrating uuid)",
  );
}

async function readStored(client: Client): Promise<Stored | null> {
  const row = (await client.execute(
    "SELECT current_version, minimum_compatible_version FROM schema_version WHERE name = 'archive'", [], { ...SERIAL, consistency: types.consistencies.localSerial },
  )).first();
  return row === null || row["current_version"] === null ? null : (row as unknown as Stored);
}

/** A conditional write, of which of several at once only one takes effect. */
async function claims(client: Client, statement: string, params: unknown[]): Promise<boolean> {
  const hints = params.map((value) => (typeof value === "number" ? "int" : "uuid"));
  return (await client.execute(statement, params, { ...SERIAL, hints })).wasApplied();
}

/**
 * Creates the keyspace when it is absent (NetworkTopologyStrategy, three replicas or as many as there are nodes), runs
 * what is missing and leaves `client` in the keyspace. Several programs may call this at once: one migrates, the others
 * throw and try again later.
 *
 * @returns whether no program had been here before
 */
export async function migrateCassandra(client: Client, keyspace: string, dataCenter: string, known = readMigrations()): Promise<boolean> {
  await createKeyspace(client, keyspace, dataCenter);
  await client.execute(`USE ${keyspace}`);
  await createVersionTable(client, keyspace);
  const before = await readStored(client);
  if (decideMigrations(before, known).length === 0) return false;
  const me = randomUUID();
  if (!(await claims(client, `UPDATE schema_version USING TTL ${LOCK_S} SET migrating = ? WHERE name = 'archive' IF migrating = null`, [me]))) {
    throw new Error("another program is migrating the keyspace");
  }
  const found = await readStored(client);
  for (const migration of decideMigrations(found, known)) {
    for (const statement of migration.statements) await define(client, statement);
    const { version, minimum_compatible_version } = migration;
    const noted = await claims(
      client,
      "UPDATE schema_version SET current_version = ?, minimum_compatible_version = ? WHERE name = 'archive' IF migrating = ?",
      // What is in the tables may ask for more than their schema does (see stores/cassandra-layout.ts).
      [version, Math.max(minimum_compatible_version, found?.minimum_compatible_version ?? 1), me],
    );
    if (!noted) throw new Error("another program took over the migration");
  }
  await claims(client, "UPDATE schema_version SET migrating = null WHERE name = 'archive' IF migrating = ?", [me]);
  return before === null;
}
