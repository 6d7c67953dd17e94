// The bucket as a network lets it be: answers that begin and never end.
import { createServer, type ServerResponse } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { BucketUnavailable, S3Bucket } from "../../archiver/s3.ts";
import { listen } from "../loopback.ts";

const SILENCE_MS = 300;

test.each([
  ["an object", (bucket: S3Bucket) => bucket.read("segments/00/x/1/1-2.ndjson.gz")],
  ["a page of the listing", (bucket: S3Bucket) => bucket.page("")],
])("[C12] %s whose bytes stop coming makes the bucket unavailable: nobody waits for the rest for ever", async (_what, ask) => {
  const begun: ServerResponse[] = [];
  const { url, close } = await listen(createServer((_request, response) => {
    response.writeHead(200, { "content-length": "1000", etag: '"x"' }).write("<");
    begun.push(response);
  }));
  onTestFinished(close);
  const bucket = new S3Bucket({ endpoint: url, region: "auto", bucket: "segments", accessKeyId: "id", secretAccessKey: "secret" }, SILENCE_MS);
  onTestFinished(() => bucket.close());
  await expect(ask(bucket)).rejects.toThrow(BucketUnavailable);
  expect(begun.length).toBeGreaterThan(0);
}, 10_000);
