// Failures of the archiver, from the operations page, each provoked: the metric that an alert stands on moves, and what the page
// says to do brings it back.
import { expect, onTestFinished, test } from "vitest";
import type { S3Config } from "../../archiver/config.ts";
import { S3Bucket } from "../../archiver/s3.ts";
import { StoreRefused, StoreUnavailable } from "../../archiver/stores/store.ts";
import { readAll } from "../contracts/archive-store.ts";
import { s3 } from "../servers.ts";
import { conversationId, run, segment, segments, text } from "./segments.ts";
import { Way } from "./way.ts";
import { type Around, metric, World } from "./world.ts";

const AT = Date.UTC(2026, 10, 20, 12);
const chat = (name: string, length = 10) => run(Array.from({ length }, (_, i) => text(`${name} ${i}`)), { conversation: conversationId(`failures ${name}`), at: AT });

/** The archiver goes on by itself; what it logs and counts is all that an operator sees. */
async function running(around: Around = (_effect, work) => work(), bucketOf: (config: S3Config) => S3Config = (config) => config) {
  const world = await World.make();
  const stop = new AbortController();
  // Some of these set the clock, which is another test's matter.
  const bucket = Object.assign(new S3Bucket(bucketOf(world.bucket.config)), { time: () => null });
  const own = world.archiver({ around, signal: stop.signal, bucket });
  const ended = own.archiver.run();
  onTestFinished(async () => {
    stop.abort();
    await ended;
    bucket.close();
  });
  const value = (name: Parameters<typeof metric>[1], labels: Record<string, string> = {}) => metric(own.metrics, name, labels);
  return {
    world, value,
    becomes: (name: Parameters<typeof metric>[1], wanted: number, labels: Record<string, string> = {}) => expect.poll(() => value(name, labels), { timeout: 30_000 }).toBe(wanted),
    rises: (name: Parameters<typeof metric>[1], labels: Record<string, string> = {}) => expect.poll(() => value(name, labels), { timeout: 30_000 }).toBeGreaterThan(0),
    archived: async (events: ReturnType<typeof chat>) => {
      await expect.poll(() => world.bucket.keys(), { timeout: 30_000 }).toEqual([]);
      expect(await readAll(own.store, events)).toEqual(events);
    },
  };
}

test("[C12] Cassandra is down: part_up of the store, store_unavailable, and the backlog; then it drains", async () => {
  let down = true;
  const { world, becomes, rises, archived } = await running(async (effect, work) => {
    if (down && effect.startsWith("store.")) throw new StoreUnavailable("down for the test");
    return work();
  });
  const events = chat("store");
  await world.put(segment(events));
  await becomes("up", 0, { part: "store" });
  await rises("errors", { kind: "store_unavailable" });
  await becomes("backlogSegments", 1);
  down = false;
  await archived(events);
  await becomes("up", 1, { part: "store" });
  await becomes("backlogSegments", 0);
});

test("[C12] R2 is down, seen from the archiver: part_up of the bucket, bucket_unavailable; then it goes on", async () => {
  const { hostname, port } = new URL((await s3()).endpoint);
  const way = new Way(hostname, Number(port));
  await way.open();
  const { world, becomes, rises, archived } = await running(undefined, (config) => ({ ...config, endpoint: `http://127.0.0.1:${way.port}` }));
  await becomes("up", 1, { part: "bucket" });
  await way.cut();
  const events = chat("bucket");
  await world.put(segment(events));
  await becomes("up", 0, { part: "bucket" });
  await rises("errors", { kind: "bucket_unavailable" });
  await way.open();
  await archived(events);
  await becomes("up", 1, { part: "bucket" });
  await way.cut();
});

test("[C12] the edge is down, or refuses the archiver: part_up of the edge, ack_failures; then it is acknowledged", async () => {
  const { world, becomes, rises, archived } = await running();
  world.edge.refuse = () => ({ status: 401, code: "unauthorized" });
  const events = chat("edge");
  await world.put(segment(events));
  await becomes("up", 0, { part: "edge" });
  await rises("ackFailures", { status: "none" });
  await rises("errors", { kind: "edge_unavailable" });
  world.edge.refuse = () => "ack";
  await archived(events);
  await becomes("up", 1, { part: "edge" });
});

test("[C12] a segment is wrong: quarantined_segments with its reason, reported, and gone once it is put again", async () => {
  const { world, becomes, rises, archived } = await running();
  const events = chat("wrong");
  const good = segment(events);
  const reported = Promise.withResolvers<void>();
  world.edge.onWrong = async () => {
    reported.resolve();
    return true;
  };
  await world.bucket.put({ ...good, bytes: good.bytes.subarray(0, 30) });
  await becomes("quarantined", 1);
  await rises("errors", { kind: "gzip" });
  await reported.promise;
  await rises("reported", { answer: "put_again" });
  await world.put(good);
  await archived(events);
  await becomes("quarantined", 0);
});

test("[C12] a foreign object is in the bucket: quarantined_segments with the reason key, until somebody removes it", async () => {
  const { world, becomes, rises, archived } = await running();
  await world.bucket.put({ key: "segments/notes.txt", bytes: Buffer.from("notes"), metadata: {} });
  await becomes("quarantined", 1);
  await rises("errors", { kind: "key" });
  await rises("reported", { answer: "foreign" });
  await world.bucket.delete("segments/notes.txt");
  await becomes("quarantined", 0);
  const events = chat("foreign");
  await world.put(segment(events));
  await archived(events);
});

test("[C12] a segment is refused: refused_segments, ack_failures with its status, until the conversation has its plan again", async () => {
  const { world, becomes, rises, archived } = await running();
  world.edge.refuse = () => ({ status: 503, code: "needs_restore" });
  const events = chat("refused");
  await world.put(segment(events));
  await becomes("refused", 1);
  await rises("ackFailures", { status: "503" });
  await rises("errors", { kind: "ack_refused" });
  world.edge.refuse = () => "ack";
  await archived(events);
  await becomes("refused", 0);
});

test("[C12] the store refuses rows: refused_segments, store_refused, until it takes them", async () => {
  let refuses = true;
  const { world, becomes, rises, archived } = await running(async (effect, work) => {
    if (refuses && effect === "store.write") throw new StoreRefused("refused for the test");
    return work();
  });
  const events = chat("rows");
  await world.put(segment(events));
  await becomes("refused", 1);
  await rises("errors", { kind: "store_refused" });
  refuses = false;
  // Its time, or another start of the archiver.
  world.now = () => Date.now() + 2 * 3_600_000;
  await archived(events);
  await becomes("refused", 0);
});

test("[C12] the archive lags: oldest_segment_age_seconds and the backlog rise while one is not archived, and fall when it is", async () => {
  let stuck = true;
  const { world, value, becomes, rises, archived } = await running(async (effect, work) => {
    if (stuck && effect === "store.check") throw new StoreUnavailable("slow for the test");
    return work();
  });
  const events = chat("lag", 30);
  await world.put(...segments(events, 10));
  await becomes("backlogSegments", 3);
  await rises("backlogBytes");
  world.now = () => Date.now() + 3_700_000;
  await expect.poll(() => value("oldestAge"), { timeout: 30_000 }).toBeGreaterThan(3_600);
  stuck = false;
  await archived(events);
  await becomes("oldestAge", 0);
  await becomes("backlogSegments", 0);
  await rises("lastPass");
});
