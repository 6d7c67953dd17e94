// `npm run media:sweep` as an operator runs it, against versitygw and the local R2 of `npm start`.
import { AbortMultipartUploadCommand, CreateMultipartUploadCommand, ListMultipartUploadsCommand, S3Client, UploadPartCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestBucket } from "../archiver/test-bucket.ts";
import { localR2 } from "../local-r2.ts";
import { mediaCommand, type Said, storeEnvironment } from "./media/command.ts";
import { SweepEdge } from "./media/sweep-edge.ts";

const CONTENT = `m/${"ab".repeat(32)}`;

let edge: SweepEdge;
beforeAll(async () => {
  edge = await new SweepEdge().open();
});
afterAll(() => edge.close());

const put = (bucket: TestBucket, key: string): Promise<void> => bucket.put({ key, bytes: new TextEncoder().encode(`the file ${key}`), metadata: {} });
const answerOf = ({ out }: Said) => JSON.parse(out.at(-1) ?? "{}") as { dry_run?: true; looked: number; uploads: { objects: number; bytes: number }; unfinished: number | null; contents: Record<string, { objects: number }> };
const swept = (bucket: TestBucket, ...args: string[]): Promise<Said> => mediaCommand("media-sweep", { ...storeEnvironment(bucket.config), ...edge.environment() }, args);

const STORES = { versitygw: () => TestBucket.make(), "local R2": () => localR2("media") };

test.each(Object.entries(STORES))("[A21] on %s: dry it changes nothing, then unsent uploads go, contents as the edge says, and the counts are told", async (_name, make) => {
  const bucket = await make();
  for (const key of ["up/a.b@c+d|e/1", "up/ann/2", "up/ann/3", CONTENT, `${CONTENT}.1`, "others/x"]) await put(bucket, key);
  edge.fateOf = (name) => (name.endsWith(".1") ? "referenced" : "unknown");
  edge.asked.length = 0;
  // The store counts in seconds: once its own clock is past theirs.
  await expect.poll(async () => answerOf(await swept(bucket, "--dry-run")), { timeout: 20_000 }).toMatchObject({ dry_run: true, looked: 5, uploads: { objects: 3 }, contents: { unknown: { objects: 1 }, referenced: { objects: 1 } } });
  expect(await bucket.keys()).toHaveLength(6);
  expect(edge.asked.every(({ dry_run }) => dry_run)).toBe(true);
  const first = await swept(bucket);
  expect([first.code, answerOf(first)]).toMatchObject([0, { uploads: { objects: 3, bytes: 57 }, contents: { unknown: { objects: 1 } } }]);
  // What becomes of contents the edge alone does.
  expect((await bucket.keys()).toSorted()).toEqual([CONTENT, `${CONTENT}.1`, "others/x"]);
  expect(edge.asked.at(-1)).toMatchObject({ dry_run: false, contents: [{ key: CONTENT, objects: [{ name: CONTENT }, { name: `${CONTENT}.1` }] }] });
  expect(answerOf(await swept(bucket))).toMatchObject({ uploads: { objects: 0 } });
  bucket.close();
});

test("[A21] unfinished uploads are aborted on versitygw, and local R2, which can't list them, is said to be such", async () => {
  const bucket = await TestBucket.make();
  const { endpoint, region, accessKeyId, secretAccessKey, bucket: Bucket } = bucket.config;
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey }, requestChecksumCalculation: "WHEN_REQUIRED" });
  for (const Key of ["up/ann/1", "up/bob/2", "others/3"]) {
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: "part" }));
  }
  await expect.poll(async () => answerOf(await swept(bucket, "--dry-run")).unfinished, { timeout: 20_000 }).toBe(2);
  expect(answerOf(await swept(bucket)).unfinished).toBe(2);
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
  expect(Uploads.map(({ Key }) => Key)).toEqual(["others/3"]);
  await client.send(new AbortMultipartUploadCommand({ Bucket, Key: "others/3", UploadId: Uploads[0]?.UploadId ?? "" }));
  client.destroy();
  bucket.close();
  const local = await localR2("media");
  expect(answerOf(await swept(local)).unfinished).toBe(null);
  local.close();
});

test("[A21] more than a page of uploads goes, and a sweep that failed says where it goes on", async () => {
  const bucket = await localR2("media");
  const names = Array.from({ length: 1_050 }, (_, i) => `up/ann/${String(i).padStart(5, "0")}`);
  await put(bucket, CONTENT);
  for (let i = 0; i < names.length; i += 50) await Promise.all(names.slice(i, i + 50).map((name) => put(bucket, name)));
  edge.fateOf = () => "referenced";
  await expect.poll(async () => answerOf(await swept(bucket, "--dry-run")).uploads.objects, { timeout: 20_000 }).toBe(1_050);
  const halfway = await swept(bucket, "--dry-run", "--from", "up/ann/00999");
  expect(answerOf(halfway)).toMatchObject({ looked: 50, uploads: { objects: 50 } });
  edge.refuse = () => 400;
  const stopped = await swept(bucket);
  expect([stopped.code, stopped.err]).toEqual([1, expect.stringContaining("the edge answered 400")]);
  edge.refuse = () => null;
  edge.fateOf = () => null;
  const left = await swept(bucket);
  expect([left.code, answerOf(left)]).toMatchObject([3, { uploads: { objects: 1_050 }, failed: 1 }]);
  expect(await bucket.keys()).toEqual([CONTENT]);
  bucket.close();
}, 180_000);

test.each([[["--all"], {}], [[], { EDGE_URL: "" }], [[], { ARCHIVE_SECRET: "short" }], [[], { MEDIA_BUCKET: "" }]])("[A21] %j with %j is not understood", async (args, more) => {
  const env = { MEDIA_ENDPOINT: "http://127.0.0.1:1", MEDIA_BUCKET: "x", MEDIA_ACCESS_KEY_ID: "x", MEDIA_SECRET_ACCESS_KEY: "x", ...edge.environment(), ...more };
  expect((await mediaCommand("media-sweep", env, args)).code).toBe(2);
});
