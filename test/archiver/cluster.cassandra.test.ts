// Three Cassandra nodes, of which some die: with one dead nobody notices, with two dead the archive stands still and catches up.
// Three nodes take 2.3 GB and half a minute to start: this is of the long form alone.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { CassandraStore } from "../../archiver/stores/cassandra.ts";
import { type CassandraCluster, clusterNodes, startCassandraCluster } from "../../scripts/services/cassandra-cluster.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import { rangesOf, readAll } from "../contracts/archive-store.ts";
import { conversationId, run, segments, text } from "./segments.ts";
import { metric, RETENTION_S, World } from "./world.ts";

const long = inject("long");
const dataDir = mkdtempSync(path.join(tmpdir(), "confab-cluster-"));
let cluster: CassandraCluster;

beforeAll(async () => {
  if (long) cluster = await startCassandraCluster({ dataDir });
}, 300_000);

afterAll(async () => {
  await (cluster as CassandraCluster | undefined)?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const newStore = () => new CassandraStore(
  { contactPoints: cluster.hosts, dataCenter: cluster.datacenter, port: cluster.port, keyspace: "confab_cluster", credentials: null, tls: null }, RETENTION_S, Date.now,
);
const chat = (name: string, length: number) => run(Array.from({ length }, (_, i) => text(`${name} ${i}`)), { conversation: conversationId(`cluster ${name}`), at: Date.UTC(2026, 10, 20), step: 500 });

/** Reads the same page for ever, as readers of history do. */
class Reader {
  readonly failures: unknown[] = [];
  pages = 0;
  readonly #ended: Promise<void>;
  #going = true;

  constructor(store: CassandraStore, events: readonly SegmentEvent[]) {
    this.#ended = this.#read(store, events);
  }

  async stop(): Promise<void> {
    this.#going = false;
    await this.#ended;
  }

  async #read(store: CassandraStore, events: readonly SegmentEvent[]): Promise<void> {
    const [range] = rangesOf(events);
    if (range === undefined) throw new Error("nothing to read");
    while (this.#going) {
      try {
        const rows = await store.read(events[0]?.conversation_id as string, range, 1_000);
        if (rows.length !== events.length) throw new Error(`${rows.length} rows of ${events.length}`);
        this.pages += 1;
      } catch (error) {
        this.failures.push(error);
      }
    }
  }
}

test("three nodes have an address, a folder and a third of the ring each, one port and one seed", () => {
  const nodes = clusterNodes("/data", 12_000, 12_001, 384);
  expect(nodes.map(({ host, port, seeds }) => `${host}:${port} ${seeds}`)).toEqual([1, 2, 3].map((i) => `127.0.0.${i}:12000 127.0.0.1:12001`));
  expect(new Set(nodes.map(({ dataDir }) => dataDir)).size).toBe(3);
  const tokens = nodes.map(({ token }) => BigInt(token ?? ""));
  expect(tokens.map((token, i) => (i === 2 ? tokens[0] as bigint + 2n ** 64n : tokens[i + 1] as bigint) - token).every((part) => part / 10n === 2n ** 64n / 30n)).toBe(true);
});

if (long) test("[C10] [B18] of three nodes one dead: no reader sees an error and archiving goes on; two dead: nothing is acknowledged; back, all is archived", async () => {
  const world = await World.make(newStore);
  const stop = new AbortController();
  const { archiver, store, metrics } = world.archiver({ signal: stop.signal });
  const reads = newStore();
  const ended = archiver.run();
  const rounds: SegmentEvent[][] = [];
  const put = async (name: string) => {
    const events = chat(name, 200);
    rounds.push(events);
    await world.put(...segments(events, 50));
    return events;
  };
  const drained = () => expect.poll(() => world.bucket.keys(), { timeout: 120_000, interval: 100 }).toEqual([]);
  const first = await put("first");
  await drained();
  await reads.open();

  const reader = new Reader(reads, first);
  const unavailable = () => metric(metrics, "errors", { kind: "store_unavailable" });
  // Killed while segments are on their way.
  await put("while the third dies");
  await cluster.kill(2);
  for (let i = 0; i < 5; i += 1) await put(`one dead ${i}`);
  await drained();
  const seen = reader.pages;
  await expect.poll(() => reader.pages, { timeout: 60_000 }).toBeGreaterThan(seen + 100);
  await reader.stop();
  expect(reader.failures).toEqual([]);

  await cluster.kill(1);
  const acks = world.edge.acks.length;
  const before = await unavailable();
  for (let i = 0; i < 5; i += 1) await put(`two dead ${i}`);
  await expect.poll(unavailable, { timeout: 120_000 }).toBeGreaterThan(before + 1);
  expect(world.edge.acks).toHaveLength(acks);
  expect(await world.bucket.keys()).toHaveLength(20);
  const [range] = rangesOf(first);
  if (range === undefined) throw new Error("nothing to read");
  await expect(reads.read(first[0]?.conversation_id as string, range, 1_000)).rejects.toMatchObject({ name: "StoreUnavailable" });

  await Promise.all([cluster.start(1), cluster.start(2)]);
  await drained();
  for (const events of rounds) expect(await readAll(store, events)).toEqual(events);
  expect(await metric(metrics, "up", { part: "store" })).toBe(1);
  stop.abort();
  await ended;
  await Promise.all([store.close(), reads.close()]);
}, 900_000);
