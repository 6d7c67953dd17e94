// The bucket that segments lie in, over the S3 protocol: R2, its local endpoint, or any other S3 server.
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, NoSuchKey, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { SEGMENT_PREFIX } from "../protocol/segment.ts";
import type { S3Config } from "./config.ts";
import { reasonOf } from "./reason.ts";

/** Compressed bytes of a segment, far above what a conversation seals; more is not read. */
export const OBJECT_BYTES = 32 * 1024 * 1024;
/** Nothing came, also in the middle of an answer: the request's own limit ends where the answer begins. */
const SILENCE_MS = 15_000;

/** The bucket can't be reached or fails: try again later. */
export class BucketUnavailable extends Error {
  constructor(cause: unknown) {
    super(reasonOf(cause), { cause });
    this.name = "BucketUnavailable";
  }
}

export interface ListedObject {
  key: string;
  /** bytes */
  size: number;
  etag: string;
  /** ms */
  modified_at: number;
}

export interface StoredObject {
  metadata: Readonly<Record<string, string>>;
  bytes: Uint8Array;
}

export interface ListedPage {
  objects: ListedObject[];
  /** There may be others behind them. */
  more: boolean;
}

/** Every call may throw BucketUnavailable. */
export interface SegmentBucket {
  /** All segments, a page at a time, by key. */
  list(): AsyncIterable<ListedObject[]>;
  /** The next segments whose keys sort after `after`, at most a thousand; one call, which is billed. */
  page(after: string): Promise<ListedPage>;
  /** null: there is no such object any more. `too_large`: it is over OBJECT_BYTES. */
  read(key: string): Promise<StoredObject | null | "too_large">;
  /** In the place of what is there. */
  put(key: string, object: StoredObject): Promise<void>;
  /** Succeeds also where there is nothing. */
  delete(key: string): Promise<void>;
  /** The bucket's own time now, ms, after its last answer; null before the first. */
  time?(): number | null;
  close(): void;
}

async function guard<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new BucketUnavailable(error);
  }
}

export class S3Bucket implements SegmentBucket {
  readonly #client: S3Client;
  readonly #bucket: string;
  /** ms: what the last answer said, and when it came by a clock that nobody sets. */
  #heard: { time: number; at: number } | null = null;

  constructor({ endpoint, region, bucket, accessKeyId, secretAccessKey }: S3Config, silenceMs = SILENCE_MS) {
    this.#bucket = bucket;
    this.#client = new S3Client({
      endpoint,
      region,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
      // Newer checksums are not in every S3 server; segments carry their own.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      requestHandler: { connectionTimeout: 3_000, requestTimeout: 15_000, throwOnRequestTimeout: true, socketTimeout: silenceMs },
      maxAttempts: 2,
    });
    this.#client.middlewareStack.add((next) => async (given) => {
      const result = await next(given);
      const time = Date.parse((result.response as { headers?: Record<string, string> }).headers?.["date"] ?? "");
      if (!Number.isNaN(time)) this.#heard = { time, at: performance.now() };
      return result;
    }, { step: "deserialize", name: "confabTime" });
  }

  time(): number | null {
    return this.#heard === null ? null : this.#heard.time + performance.now() - this.#heard.at;
  }

  async *list(): AsyncGenerator<ListedObject[]> {
    for (let after = ""; ;) {
      const { objects, more } = await this.page(after);
      yield objects;
      const last = objects.at(-1);
      if (!more || last === undefined) return;
      after = last.key;
    }
  }

  async page(after: string): Promise<ListedPage> {
    const command = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: SEGMENT_PREFIX, ...(after === "" ? {} : { StartAfter: after }) });
    const { Contents = [], IsTruncated } = await guard(() => this.#client.send(command));
    return {
      objects: Contents.map((object) => ({
        key: object.Key ?? "",
        size: object.Size ?? 0,
        etag: object.ETag ?? "",
        modified_at: object.LastModified?.getTime() ?? 0,
      })),
      more: IsTruncated === true,
    };
  }

  async read(key: string): Promise<StoredObject | null | "too_large"> {
    try {
      const object = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key }));
      if (object.Body === undefined) throw new Error("an answer without a body");
      if (object.ContentLength === undefined || object.ContentLength > OBJECT_BYTES) {
        await object.Body.transformToWebStream().cancel();
        return "too_large";
      }
      return { metadata: object.Metadata ?? {}, bytes: await object.Body.transformToByteArray() };
    } catch (error) {
      if (error instanceof NoSuchKey) return null;
      throw new BucketUnavailable(error);
    }
  }

  async put(key: string, { bytes, metadata }: StoredObject): Promise<void> {
    const command = new PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: bytes, Metadata: { ...metadata }, ContentType: "application/gzip" });
    await guard(() => this.#client.send(command));
  }

  async delete(key: string): Promise<void> {
    try {
      await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }));
    } catch (error) {
      // Two archivers delete one segment: a store may tell the second that it is gone.
      if (!(error instanceof NoSuchKey)) throw new BucketUnavailable(error);
    }
  }

  close(): void {
    this.#client.destroy();
  }
}
