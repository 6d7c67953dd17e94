// The S3 server of the tests checks what the local R2 does not.
import { createHash } from "node:crypto";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { s3 } from "../servers.ts";

async function client(secret?: string): Promise<S3Client> {
  const { endpoint, region, accessKeyId, secretAccessKey } = await s3();
  return new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey: secret ?? secretAccessKey } });
}

test("an object comes back; a wrong hash and a wrong secret are refused", async () => {
  const store = await client();
  const Bucket = `services-${process.pid}`;
  await store.send(new CreateBucketCommand({ Bucket }));
  await store.send(new PutObjectCommand({ Bucket, Key: "a/b", Body: "content" }));
  const object = await store.send(new GetObjectCommand({ Bucket, Key: "a/b" }));
  expect(await object.Body?.transformToString()).toBe("content");
  const ChecksumSHA256 = createHash("sha256").update("other").digest("base64");
  await expect(store.send(new PutObjectCommand({ Bucket, Key: "c", Body: "content", ChecksumSHA256 }))).rejects.toThrow();
  await expect((await client("wrong")).send(new GetObjectCommand({ Bucket, Key: "a/b" }))).rejects.toThrow();
});
