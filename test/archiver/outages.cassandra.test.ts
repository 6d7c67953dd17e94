// A way to Cassandra that fails: resets after a request has gone through, answers that don't come back, seconds of delay. Whatever
// was taken and not answered, the archive ends as what was sealed, exactly, and nothing is acknowledged before it is there.
import { Client } from "cassandra-driver";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CassandraStore } from "../../archiver/stores/cassandra.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import { readAll } from "../contracts/archive-store.ts";
import { cassandra } from "../servers.ts";
import { size } from "../sizes.ts";
import { conversationId, run, segments, text } from "./segments.ts";
import { Way } from "./way.ts";
import { metric, RETENTION_S, World } from "./world.ts";

const KEYSPACE = `outages_${process.pid}_${Date.now()}`;
const AT = Date.UTC(2026, 10, 30, 23, 59, 30);

let node: Awaited<ReturnType<typeof cassandra>>;
let direct: CassandraStore;

beforeAll(async () => {
  node = await cassandra();
  direct = newStore(node.port);
  await direct.open();
});

afterAll(async () => {
  await direct.close();
  const raw = new Client({ contactPoints: [node.host], localDataCenter: node.datacenter, protocolOptions: { port: node.port } });
  await raw.execute(`DROP KEYSPACE IF EXISTS ${KEYSPACE}`, [], { readTimeout: 60_000 });
  await raw.shutdown();
});

function newStore(port: number): CassandraStore {
  return new CassandraStore({ contactPoints: [node.host], dataCenter: node.datacenter, port, keyspace: KEYSPACE, credentials: null, tls: null }, RETENTION_S, Date.now);
}

const chat = (name: string, length: number) => run(Array.from({ length }, (_, i) => text(`${name} ${i}`)), { conversation: conversationId(`${KEYSPACE} ${name}`), at: AT, step: 500 });

/** An archiver whose only way to Cassandra is a test's to break. */
async function overWay(): Promise<{ way: Way; world: World; archiver: ReturnType<World["archiver"]>; end: () => Promise<void> }> {
  const way = new Way(node.host, node.port);
  await way.open();
  const world = await World.make(() => newStore(way.port));
  const stop = new AbortController();
  const archiver = world.archiver({ signal: stop.signal });
  // What is acknowledged is there, seen from elsewhere.
  world.edge.onAck = async ({ conversation_id, from_seq, to_seq, sha256 }) => {
    const sealed = [...waiting.values()].find((segment) => segment.head.sha256 === sha256);
    expect(await readAll(direct, sealed?.events ?? []), `${conversation_id} ${from_seq}-${to_seq}`).toEqual(sealed?.events);
  };
  const ended = archiver.archiver.run();
  return {
    way, world, archiver,
    end: async () => {
      stop.abort();
      await ended;
      await archiver.store.close();
      await way.cut();
    },
  };
}

const waiting = new Map<string, ReturnType<typeof segments>[number]>();

async function put(world: World, events: readonly SegmentEvent[]): Promise<void> {
  const cut = segments([...events], 40);
  for (const segment of cut) waiting.set(segment.key, segment);
  await world.put(...cut);
}

const drained = (world: World, timeout = 60_000) => expect.poll(() => world.bucket.keys(), { timeout, interval: 50 }).toEqual([]);

test("[B9] [C10] connections reset after the request went through, again and again: every row once, nothing acknowledged that is not there", async () => {
  const { way, world, end } = await overWay();
  const resets = size("connections to Cassandra reset after a request", 8, 100);
  const all: SegmentEvent[][] = [];
  for (let i = 1; i <= resets; i += 1) {
    const events = chat(`reset ${i}`, 100);
    all.push(events);
    let left = 1 + ((i * 7) % 23);
    const struck = Promise.withResolvers<void>();
    way.onForwarded = () => {
      left -= 1;
      if (left > 0) return;
      way.onForwarded = () => undefined;
      way.resetClients();
      struck.resolve();
    };
    await put(world, events);
    await struck.promise;
  }
  await drained(world);
  for (const events of all) {
    expect(await readAll(direct, events)).toEqual(events);
    expect(await direct.readReached(events[0]?.conversation_id as string, 1)).toBe(events.length);
  }
  expect(new Set(world.edge.acks.map((ack) => ack.sha256)).size).toBe(all.length * 3);
  await end();
});

test("[C10] half open: Cassandra takes everything and no answer comes back; nothing is acknowledged meanwhile, and then it goes on", async () => {
  const { way, world, archiver: { metrics }, end } = await overWay();
  const [before, during] = [chat("before", 60), chat("during", 120)];
  await put(world, before);
  await drained(world);
  const acks = world.edge.acks.length;
  way.mute();
  await put(world, during);
  await expect.poll(() => metric(metrics, "errors", { kind: "store_unavailable" }), { timeout: 60_000 }).toBeGreaterThanOrEqual(1);
  expect(await metric(metrics, "up", { part: "store" })).toBe(0);
  expect(world.edge.acks).toHaveLength(acks);
  expect(await world.bucket.keys()).toHaveLength(3);
  way.unmute();
  await drained(world);
  expect(await readAll(direct, during)).toEqual(during);
  await expect.poll(() => metric(metrics, "up", { part: "store" }), { timeout: 20_000 }).toBe(1);
  await end();
});

test("[C10] a slow Cassandra is slow, and no failure: the backlog drains without an error", async () => {
  const { way, world, archiver: { metrics }, end } = await overWay();
  await put(world, chat("warm", 10));
  await drained(world);
  way.delay_ms = 300;
  const events = chat("slow", 120);
  await put(world, events);
  await drained(world);
  expect(await metric(metrics, "errors")).toBe(0);
  expect(await readAll(direct, events)).toEqual(events);
  await end();
});

test("[C10] no Cassandra at all: connections refused, then it is there again", async () => {
  const { way, world, archiver: { metrics }, end } = await overWay();
  await put(world, chat("first", 10));
  await drained(world);
  await way.cut();
  const events = chat("refused", 80);
  await put(world, events);
  await expect.poll(() => metric(metrics, "errors", { kind: "store_unavailable" }), { timeout: 60_000 }).toBeGreaterThanOrEqual(2);
  const acks = world.edge.acks.length;
  await way.open();
  await drained(world);
  expect(world.edge.acks).toHaveLength(acks + 2);
  expect(await readAll(direct, events)).toEqual(events);
  await end();
});
