// The archiver's process: how it starts, stops and dies.
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SqliteStore } from "../../archiver/stores/sqlite.ts";
import { readAll } from "../contracts/archive-store.ts";
import { size } from "../sizes.ts";
import { environment, freshFolder, startArchiver } from "./archiver-process.ts";
import { FakeEdge } from "./fake-edge.ts";
import { killAgainAndAgain } from "./killed.ts";
import { conversationId, run, segment, text } from "./segments.ts";
import { TestBucket } from "./test-bucket.ts";
import { Way } from "./way.ts";

let bucket: TestBucket;
let edge: FakeEdge;

beforeAll(async () => {
  [bucket, edge] = await Promise.all([TestBucket.make(), new FakeEdge().open()]);
});

afterAll(async () => {
  bucket.close();
  await edge.close();
});

test("[B18] killed again and again at any point of its traffic, it loses, doubles and reorders nothing", async () => {
  const dataDir = freshFolder();
  const { hostname, port } = new URL(bucket.config.endpoint);
  const way = new Way(hostname, Number(port));
  await way.open();
  const env = environment({ ...bucket.config, endpoint: `http://127.0.0.1:${way.port}` }, edge.url, dataDir);
  const rounds = size("kills of the archiver, SQLite", 5, 50);
  const { runs, midway, last } = await killAgainAndAgain({ rounds, way, chunks: 40, seed: 1, bucket, edge, env });
  last.kill("SIGTERM");
  expect(await last.ended).toBe(0);
  await way.cut();
  expect(midway).toBeGreaterThanOrEqual(rounds / 2);
  const store = new SqliteStore(path.join(dataDir, "archive"), 220_752_000, Date.now);
  await store.open();
  for (const events of runs) expect(await readAll(store, events)).toEqual(events);
  await store.close();
});

test("[E9] it says that the embedded store is the development default, serves health, and stops on SIGTERM and SIGINT", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const archiver = startArchiver(environment(bucket.config, edge.url, freshFolder()));
    const url = await archiver.listening;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(archiver.lines.join("\n")).toContain("The embedded store is the development default");
    await expect.poll(async () => (await fetch(`${url}/health`)).json(), { timeout: 10_000 }).toMatchObject({ ok: true, store: { kind: "sqlite", up: true }, s3: { up: true } });
    archiver.kill(signal);
    expect(await archiver.ended).toBe(0);
  }
});

test("[B18] it stops when its parent's pipe ends, if it was told to watch it", async () => {
  const env = environment(bucket.config, edge.url, freshFolder());
  const watching = startArchiver({ ...env, ARCHIVER_PARENT_PIPE: "1" });
  const free = startArchiver(env);
  const url = await free.listening;
  await watching.listening;
  free.hangUp();
  watching.hangUp();
  expect(await watching.ended).toBe(0);
  expect((await fetch(`${url}/health`)).status).toBe(200);
});

test("[E9] with Cassandra configured no SQLite file is opened, and reads say that the archive is unavailable until it is there", async () => {
  const dataDir = freshFolder();
  const events = run([text("waits")], { conversation: conversationId("no cassandra"), at: Date.UTC(2026, 10, 20) });
  await bucket.put(segment(events));
  const acks = edge.acks.length;
  const archiver = startArchiver({ ...environment(bucket.config, edge.url, dataDir), CASSANDRA_CONTACT_POINTS: "127.0.0.1", CASSANDRA_PORT: "9" });
  const url = await archiver.listening;
  await expect.poll(() => archiver.lines.filter((line) => line.includes('"event":"store_unavailable"')).length, { timeout: 15_000 }).toBeGreaterThanOrEqual(2);
  const health = await fetch(`${url}/health`);
  expect([health.status, await health.json()]).toMatchObject([503, { ok: false, store: { kind: "cassandra", up: false }, lag: { segments: 1 } }]);
  archiver.kill("SIGTERM");
  expect(await archiver.ended).toBe(0);
  expect(existsSync(path.join(dataDir, "archive"))).toBe(false);
  expect(edge.acks).toHaveLength(acks);
  expect(await bucket.keys()).toEqual([segment(events).key]);
});

test("[E9] a wrong configuration is a line for each variable", async () => {
  const { S3_BUCKET: _, ...env } = environment(bucket.config, edge.url, freshFolder());
  const archiver = startArchiver({ ...env, EDGE_URL: "edge", ARCHIVE_SECRET: "short", ARCHIVER_PORT: "70000" });
  expect(await archiver.ended).toBe(2);
  expect(archiver.lines.toSorted()).toEqual([
    "archiver: ARCHIVER_PORT must be at most 65535",
    "archiver: ARCHIVE_SECRET must be at least 32 bytes",
    "archiver: EDGE_URL must be an http or https URL",
    "archiver: S3_BUCKET is missing",
  ]);
});

test("[E9] a taken port ends it with a line that names it", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const archiver = startArchiver({ ...environment(bucket.config, edge.url, freshFolder()), ARCHIVER_PORT: String(port) });
  expect(await archiver.ended).toBe(1);
  expect(archiver.lines.join("\n")).toContain(`address already in use 127.0.0.1:${port}`);
  server.close();
});
