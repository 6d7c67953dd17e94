// The store of files as a network lets it be: answers that begin and break off.
import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { MediaBucket, StoreUnavailable } from "../../media/bucket.ts";
import { listen } from "../loopback.ts";

const UPLOAD = { from: "u/a", etag: '"x"', to: "m/a", content_type: "image/png" };

test.each<[string, (bucket: MediaBucket) => Promise<unknown>]>([
  ["a listing", (bucket) => bucket.list({ prefix: "m/" })],
  ["a file's start", (bucket) => bucket.readStart("m/a", '"x"', 4_100)],
  ["a whole file", (bucket) => bucket.readHash("m/a", '"x"')],
  ["a copy's end", (bucket) => bucket.copy(UPLOAD)],
  ["a new upload's id", (bucket) => bucket.createUpload("u/a", "image/png")],
  ["the parts of an upload", (bucket) => bucket.listParts("u/a", "id")],
  ["the end of putting parts together", (bucket) => bucket.completeUpload("u/a", "id", [{ part: 1, etag: '"x"' }])],
])("[C12] %s that breaks off is a store that is unavailable, not a fault of the server's own", async (_what, ask) => {
  const { url, close } = await listen(createServer((_request, response) => {
    response.writeHead(200, { "content-length": "1000", etag: '"x"' });
    response.write("<", () => response.destroy());
  }));
  onTestFinished(close);
  const bucket = new MediaBucket({ endpoint: url, region: "auto", bucket: "media", accessKeyId: "id", secretAccessKey: "secret", secret: "", origin: url, verifiesSha256: false });
  await expect(ask(bucket)).rejects.toThrow(StoreUnavailable);
});
