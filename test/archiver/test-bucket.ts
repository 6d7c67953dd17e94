// A bucket of a test's own on the S3 server, with the edge's side of it: putting segments.
import { CreateBucketCommand, DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import type { S3Config } from "../../archiver/config.ts";
import { s3 } from "../servers.ts";
import type { Segment } from "./segments.ts";

let made = 0;

export class TestBucket {
  readonly config: S3Config;
  readonly #client: S3Client;

  constructor(config: S3Config) {
    this.config = config;
    const { endpoint, region, accessKeyId, secretAccessKey } = config;
    this.#client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  }

  static async make(): Promise<TestBucket> {
    made += 1;
    const bucket = new TestBucket({ ...(await s3()), bucket: `segments-${process.pid}-${Date.now()}-${made}` });
    await bucket.#client.send(new CreateBucketCommand({ Bucket: bucket.config.bucket }));
    return bucket;
  }

  async put({ key, bytes, metadata }: Pick<Segment, "key" | "bytes" | "metadata">): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket: this.config.bucket, Key: key, Body: bytes, Metadata: metadata }));
  }

  async keys(): Promise<string[]> {
    const keys: string[] = [];
    let token: string | undefined;
    do {
      const page = await this.#client.send(new ListObjectsV2Command({ Bucket: this.config.bucket, ...(token === undefined ? {} : { ContinuationToken: token }) }));
      keys.push(...(page.Contents ?? []).map((object) => object.Key as string));
      token = page.NextContinuationToken;
    } while (token !== undefined);
    return keys;
  }

  async bytes(key: string): Promise<Uint8Array | undefined> {
    const object = await this.#client.send(new GetObjectCommand({ Bucket: this.config.bucket, Key: key }));
    return object.Body?.transformToByteArray();
  }

  async metadata(key: string): Promise<Record<string, string>> {
    return (await this.#client.send(new HeadObjectCommand({ Bucket: this.config.bucket, Key: key }))).Metadata ?? {};
  }

  async delete(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.config.bucket, Key: key }));
  }

  close(): void {
    this.#client.destroy();
  }
}
