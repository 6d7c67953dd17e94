// The bucket of a product that runs here, over its S3 endpoint: for losing and altering what waits in it.
import { readFileSync } from "node:fs";
import path from "node:path";
import * as v from "valibot";
import { TestBucket } from "../archiver/test-bucket.ts";
import type { Product } from "../product.ts";

const Keys = v.object({ S3_ACCESS_KEY_ID: v.string(), S3_SECRET_ACCESS_KEY: v.string() });

export function bucketOf(product: Product): TestBucket {
  const keys = v.parse(Keys, JSON.parse(readFileSync(path.join(product.dataDir, "secrets.json"), "utf8")));
  return new TestBucket({
    endpoint: `${product.url}/cdn-cgi/local/r2/s3`, region: "auto", bucket: "confab-segments", accessKeyId: keys.S3_ACCESS_KEY_ID, secretAccessKey: keys.S3_SECRET_ACCESS_KEY,
  });
}
