// The bucket of `npm start`: local R2, filled through its binding as the edge fills it, read through its S3 endpoint.
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inLanes } from "../../archiver/lanes.ts";
import { S3Bucket } from "../../archiver/s3.ts";
import { readAll } from "../contracts/archive-store.ts";
import { conversationId, EVERY_TYPE, run, segments, text } from "./segments.ts";
import { TestBucket } from "./test-bucket.ts";
import { World } from "./world.ts";

const CREDENTIALS = { accessKeyId: "local-key", secretAccessKey: "local secret of tests" };
const WORKER = "export default { fetch: () => new Response(null, { status: 404 }) };";

let engine: Miniflare;
let bucket: TestBucket;

beforeAll(async () => {
  engine = new Miniflare({
    host: "127.0.0.1", port: 0, cf: false, telemetry: { enabled: false }, enableDevRegistry: false, unsafeObservability: false, unsafeLocalExplorer: false,
    workers: [{
      config: {
        name: "bucket", compatibilityDate: "2026-10-01",
        manifest: { mainModule: "index.js", modules: { "index.js": { type: "esm", contents: WORKER } } },
        env: { SEGMENTS: { type: "r2", name: "segments", dev: { experimentalS3Credentials: CREDENTIALS } } },
      },
      dev: { rootPath: import.meta.dirname },
    }],
  });
  const url = await engine.ready;
  bucket = new TestBucket({ endpoint: new URL("/cdn-cgi/local/r2/s3", url).href, region: "auto", bucket: "segments", ...CREDENTIALS });
});

afterAll(async () => {
  bucket.close();
  await engine.dispose();
});

test("[B18] what the edge puts into local R2 is listed, read with its metadata, archived and deleted", async () => {
  const conversation = conversationId("local r2");
  const events = [
    ...run(EVERY_TYPE, { conversation, at: Date.UTC(2026, 10, 20) }),
    ...run(Array.from({ length: 100 }, (_, i) => text(`${i}`)), { conversation, at: Date.UTC(2026, 10, 21), fromSeq: EVERY_TYPE.length + 1 }),
  ];
  const binding = await engine.getR2Bucket("SEGMENTS");
  const cut = segments(events, 10);
  for (const { key, bytes, metadata } of cut) {
    await binding.put(key, bytes, { customMetadata: metadata, httpMetadata: { contentType: "application/gzip" } });
  }
  const made = await World.make();
  const world = new World(bucket, made.edge, made.newStore);
  const { archiver, store } = world.archiver();
  await archiver.pass();
  expect(await readAll(store, events)).toEqual(events);
  expect(world.edge.acks.map((ack) => ack.from_seq)).toEqual(cut.map(({ head }) => head.from_seq));
  expect(await bucket.keys()).toEqual([]);
});

test("[B18] an object that is gone is null, deleting it again is no error, and a wrong key is", async () => {
  const local = new S3Bucket(bucket.config);
  expect(await local.read("segments/none")).toBeNull();
  await local.delete("segments/none");
  local.close();
  const stranger = new S3Bucket({ ...bucket.config, secretAccessKey: "another secret" });
  await expect(stranger.read("segments/none")).rejects.toMatchObject({ name: "BucketUnavailable" });
  stranger.close();
});

test("[B18] a listing comes in pages", async () => {
  const binding = await engine.getR2Bucket("SEGMENTS");
  await inLanes(Array.from({ length: 1_001 }, (_, i) => i), 50, async (i) => {
    await binding.put(`segments/page/${i}`, "x");
  });
  const local = new S3Bucket(bucket.config);
  const pages: number[] = [];
  for await (const page of local.list()) pages.push(page.length);
  expect(pages).toEqual([1_000, 1]);
  local.close();
});
