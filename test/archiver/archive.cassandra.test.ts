// The archiver's loop on a real Cassandra, and what it does while that hangs.
import { Client } from "cassandra-driver";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CassandraStore } from "../../archiver/stores/cassandra.ts";
import { readAll } from "../contracts/archive-store.ts";
import { cassandra } from "../servers.ts";
import { size } from "../sizes.ts";
import { conversationId, EVERY_TYPE, run, segments, text } from "./segments.ts";
import { Way } from "./way.ts";
import { metric, RETENTION_S, World } from "./world.ts";

const KEYSPACE = `loop_${process.pid}_${Date.now()}`;
const AT = Date.UTC(2026, 10, 30, 23, 59, 30);

let node: Awaited<ReturnType<typeof cassandra>>;

beforeAll(async () => {
  node = await cassandra();
});

afterAll(async () => {
  const raw = new Client({ contactPoints: [node.host], localDataCenter: node.datacenter, protocolOptions: { port: node.port } });
  await raw.execute(`DROP KEYSPACE IF EXISTS ${KEYSPACE}`, [], { readTimeout: 60_000 });
  await raw.shutdown();
});

function newStore(port: number): CassandraStore {
  return new CassandraStore({ contactPoints: [node.host], dataCenter: node.datacenter, port, keyspace: KEYSPACE, credentials: null, tls: null }, RETENTION_S, Date.now);
}

const chat = (name: string, length: number) => run(Array.from({ length }, (_, i) => text(`${name} ${i}`)), { conversation: conversationId(`${KEYSPACE} ${name}`), at: AT, step: 500 });

test("[B9] two archivers at once, and one after them, leave every row in Cassandra once", async () => {
  const world = await World.make(() => newStore(node.port));
  const runs = [run(EVERY_TYPE, { conversation: conversationId(`${KEYSPACE} types`), at: AT, step: 5_000 }), ...Array.from({ length: 5 }, (_, i) => chat(`twins ${i}`, 200))];
  const cut = runs.flatMap((events) => segments(events, 50));
  await world.put(...cut);
  const first = newStore(node.port);
  await first.open();
  await first.close();
  const [left, right] = [world.archiver(), world.archiver()];
  await Promise.all([left.archiver.pass(), right.archiver.pass()]);
  await world.put(...cut);
  await left.archiver.pass();
  for (const events of runs) expect(await readAll(left.store, events)).toEqual(events);
  expect(await world.bucket.keys()).toEqual([]);
  expect(new Set(world.edge.keys()).size).toBe(cut.length);
  for (const events of runs) expect(await left.store.readReached(events[0]?.conversation_id as string, 1)).toBe(events.length);
});

test("[C10] while Cassandra hangs the backlog is seen to rise, then it drains and nothing is lost", async () => {
  const way = new Way(node.host, node.port);
  await way.open();
  const world = await World.make(() => newStore(way.port));
  const stop = new AbortController();
  const { archiver, store, metrics } = world.archiver({ signal: stop.signal });
  const ended = archiver.run();
  const [before, ...during] = Array.from({ length: 8 }, (_, i) => chat(`hang ${i}`, 120));
  await world.put(...segments(before ?? [], 60));
  await expect.poll(() => world.bucket.keys(), { timeout: 20_000 }).toEqual([]);
  way.hold();
  const begun = Date.now();
  const seen: number[] = [];
  for (const events of during) {
    await world.put(...segments(events, 60));
    await expect.poll(() => metric(metrics, "backlogSegments"), { timeout: 30_000 }).toBeGreaterThanOrEqual(2 * (seen.length + 1));
    seen.push(await metric(metrics, "backlogSegments"));
  }
  const seconds = size("seconds that Cassandra hangs", 10, 600);
  await expect.poll(() => Date.now() - begun, { timeout: (seconds + 60) * 1_000, interval: 200 }).toBeGreaterThan(seconds * 1_000);
  expect(world.edge.acks).toHaveLength(2);
  expect(await world.bucket.keys()).toHaveLength(14);
  way.release();
  await expect.poll(() => world.bucket.keys(), { timeout: 60_000 }).toEqual([]);
  await expect.poll(() => metric(metrics, "backlogSegments"), { timeout: 10_000 }).toBe(0);
  const direct = newStore(node.port);
  await direct.open();
  for (const events of [before ?? [], ...during]) expect(await readAll(direct, events)).toEqual(events);
  expect(seen).toEqual([2, 4, 6, 8, 10, 12, 14]);
  stop.abort();
  await ended;
  await Promise.all([direct.close(), store.close()]);
  await way.cut();
});
