// `npm run archiver -- --once` as cron runs it: what it says, and with which code it ends.
import { afterEach, beforeEach, expect, test } from "vitest";
import { environment, freshFolder, startArchiver } from "./archiver-process.ts";
import { FakeEdge } from "./fake-edge.ts";
import { conversationId, run, type Segment, segments, text } from "./segments.ts";
import { TestBucket } from "./test-bucket.ts";

let bucket: TestBucket;
let edge: FakeEdge;
let cut: Segment[];

beforeEach(async () => {
  [bucket, edge] = await Promise.all([TestBucket.make(), new FakeEdge().open()]);
  cut = segments(run(Array.from({ length: 30 }, (_, i) => text(`${i}`)), { conversation: conversationId("once"), at: Date.UTC(2026, 10, 20) }), 10);
  for (const segment of cut) await bucket.put(segment);
});

afterEach(async () => {
  bucket.close();
  await edge.close();
});

async function once(more: Record<string, string> = {}, args: readonly string[] = ["--once"]): Promise<{ code: number | string; said: string[] }> {
  const archiver = startArchiver({ ...environment(bucket.config, edge.url, freshFolder()), ...more }, args);
  const code = await archiver.ended;
  return { code, said: archiver.lines.filter((line) => !line.startsWith("{")) };
}

test("[B18] it archives what waits, says so in a line, and ends with 0; with nothing to do as well", async () => {
  expect(await once()).toEqual({ code: 0, said: ["archived 3 segments: 30 rows written, 0 present, 0 expired; left: 0 quarantined, 0 refused"] });
  expect(edge.acks).toEqual(cut.map(({ head }) => head));
  expect(await bucket.keys()).toEqual([]);
  expect(await once()).toEqual({ code: 0, said: ["archived 0 segments: 0 rows written, 0 present, 0 expired; left: 0 quarantined, 0 refused"] });
});

test("[B18] a wrong segment or a refusal is left, and it ends with 1", async () => {
  const [first, second] = cut as [Segment, Segment, Segment];
  await bucket.put({ ...first, bytes: first.bytes.subarray(0, 40) });
  edge.refuse = (ack) => (ack.from_seq === second.head.from_seq ? { status: 409, code: "archive_conflict" } : "ack");
  expect(await once()).toEqual({ code: 1, said: ["archived 1 segments: 10 rows written, 0 present, 0 expired; left: 1 quarantined, 1 refused"] });
  expect(await bucket.keys()).toHaveLength(2);
});

test.each([
  ["store", { CASSANDRA_CONTACT_POINTS: "127.0.0.1", CASSANDRA_PORT: "9" }],
  ["bucket", { S3_ENDPOINT: "http://127.0.0.1:9" }],
  ["edge", { EDGE_URL: "http://127.0.0.1:9" }],
])("[B18] with the %s down it says so and ends with 1, and nothing is gone", async (part, env) => {
  const { code, said } = await once(env);
  expect([code, said.length]).toEqual([1, 1]);
  expect(said[0]).toMatch(new RegExp(`^archived 0 segments: .*; not finished: the ${part} is unavailable: `));
  expect(await bucket.keys()).toHaveLength(3);
});

test("[E9] what it does not know is said, and ends with 2", async () => {
  const { code, said } = await once({}, ["--twice"]);
  expect([code, said[0]]).toEqual([2, expect.stringContaining('there is no command "--twice"; there are: --once')]);
  expect(await bucket.keys()).toHaveLength(3);
});
