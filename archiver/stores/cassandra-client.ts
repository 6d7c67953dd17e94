// The connection to Cassandra: a client that lasts once it has connected, and a new one after a first connect that failed.
import { auth, Client, policies, types } from "cassandra-driver";
import type { CassandraConfig } from "../config.ts";
import { migrateCassandra } from "../migrate.ts";
import { guardControl } from "./cassandra-control.ts";
import { openLayout, shutOut } from "./cassandra-layout.ts";
import { isSplit, type Layout } from "./partitions.ts";

const READ_TIMEOUT_MS = 12_000;
const RECONNECT_WITHIN_MS = 5_000;
/** After a failed attempt its failure answers for this long, however often somebody asks. */
const REST_MS = 500;

function newClient(config: CassandraConfig): Client {
  const { credentials, tls } = config;
  return new Client({
    contactPoints: config.contactPoints,
    localDataCenter: config.dataCenter,
    // Discovered nodes are tried on this port too; without it on 9042.
    protocolOptions: { port: config.port },
    socketOptions: { connectTimeout: 5_000, readTimeout: READ_TIMEOUT_MS },
    queryOptions: { consistency: types.consistencies.localQuorum, prepare: true, isIdempotent: true },
    encoding: { useBigIntAsLong: true, useUndefinedAsUnset: true },
    policies: {
      // A statement goes straight to a replica of its partition, in the local data centre alone.
      loadBalancing: new policies.loadBalancing.TokenAwarePolicy(new policies.loadBalancing.DCAwareRoundRobinPolicy(config.dataCenter)),
      // The driver's own waits grow to ten minutes: a node that is back would stand unused that long.
      reconnection: new policies.reconnection.ExponentialReconnectionPolicy(500, RECONNECT_WITHIN_MS, true),
    },
    ...(credentials === null ? {} : { authProvider: new auth.PlainTextAuthProvider(credentials.username, credentials.password) }),
    // The driver's own default accepts any certificate.
    ...(tls === null ? {} : { sslOptions: { rejectUnauthorized: true, ...(tls.ca === null ? {} : { ca: [tls.ca] }) } }),
  });
}

export class CassandraConnection {
  readonly #config: CassandraConfig;
  readonly #now: () => number;
  #client: Client | null = null;
  #layout: Layout | null = null;
  /** Older programs are shut out, or every month that this one has written was not split. */
  #splits = false;
  #opening: Promise<void> | null = null;
  #failure: { error: unknown; at: number } | null = null;

  /** @param now ms */
  constructor(config: CassandraConfig, now: () => number) {
    this.#config = config;
    this.#now = now;
  }

  /** Connects and migrates, once; callers at the same time share one attempt. */
  open(): Promise<void> {
    if (this.#client !== null) return Promise.resolve();
    if (this.#failure !== null && performance.now() - this.#failure.at < REST_MS) return Promise.reject(this.#failure.error);
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  /** Throws before `open` has succeeded. */
  client(): Client {
    if (this.#client === null) throw new Error("not connected to Cassandra yet");
    return this.#client;
  }

  /** Throws before `open` has succeeded. */
  layout(): Layout {
    if (this.#layout === null) throw new Error("not connected to Cassandra yet");
    return this.#layout;
  }

  /** To be called before rows are written there. */
  async entering(partitions: Iterable<string>): Promise<void> {
    if (this.#splits || ![...partitions].some(isSplit)) return;
    await shutOut(this.client());
    this.#splits = true;
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    await this.#client?.shutdown();
    this.#client = null;
  }

  async #connect(): Promise<void> {
    const client = newClient(this.#config);
    guardControl(client);
    try {
      await client.connect();
      const fresh = await migrateCassandra(client, this.#config.keyspace, this.#config.dataCenter);
      this.#layout = await openLayout(client, fresh, this.#now());
      this.#client = client;
    } catch (error) {
      await client.shutdown();
      this.#failure = { error, at: performance.now() };
      throw error;
    }
  }
}
