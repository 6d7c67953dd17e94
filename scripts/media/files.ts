// What lies in the store of files, page by page, and removing it.
import {
  AbortMultipartUploadCommand, DeleteObjectCommand, ListMultipartUploadsCommand, type ListMultipartUploadsCommandOutput, ListObjectsV2Command, type ListObjectsV2CommandOutput,
  type S3Client, S3ServiceException,
} from "@aws-sdk/client-s3";
import type { MediaStoreConfig } from "./environment.ts";
import { newClient } from "./s3-client.ts";

export interface StoredFile {
  name: string;
  /** bytes */
  size: number;
  /** ms: when it came, by the store's clock */
  at: number;
}

export interface UnfinishedUpload {
  name: string;
  upload_id: string;
  /** ms: when it began */
  at: number;
}

export interface Files {
  /** By name, those after `after`, at most a thousand at a time, with the store's own time then. */
  list(prefix: string, after: string): AsyncIterable<{ files: StoredFile[]; now: number }>;
  /** Succeeds also where there is nothing. */
  remove(name: string): Promise<void>;
  /** null: the store can't say. */
  unfinished(prefix: string): AsyncIterable<{ uploads: UnfinishedUpload[]; now: number } | null>;
  abort(upload: UnfinishedUpload): Promise<void>;
}

export class S3Files implements Files {
  readonly #client: S3Client;
  readonly #bucket: string;
  /** ms, of the last answer */
  #time: number | null = null;

  constructor(config: MediaStoreConfig) {
    this.#bucket = config.bucket;
    this.#client = newClient(config);
    this.#client.middlewareStack.add((next) => async (given) => {
      const result = await next(given);
      const time = Date.parse((result.response as { headers?: Record<string, string> }).headers?.["date"] ?? "");
      if (!Number.isNaN(time)) this.#time = time;
      return result;
    }, { step: "deserialize", name: "confabTime" });
  }

  async *list(prefix: string, after: string): AsyncGenerator<{ files: StoredFile[]; now: number }> {
    for (let from: string | null = after; from !== null;) {
      const page: ListObjectsV2CommandOutput =
        await this.#client.send(new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ...(from === "" ? {} : { StartAfter: from }) }));
      const files = (page.Contents ?? []).map(({ Key = "", Size = 0, LastModified }) => ({ name: Key, size: Size, at: this.#atOf(LastModified) }));
      yield { files, now: this.#now };
      from = page.IsTruncated === true ? (files.at(-1)?.name ?? null) : null;
    }
  }

  async remove(name: string): Promise<void> {
    await orGone(this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: name })));
  }

  async *unfinished(prefix: string): AsyncGenerator<{ uploads: UnfinishedUpload[]; now: number } | null> {
    // By name alone: a name has one upload, and versitygw refuses the marker of an upload that it gave itself.
    for (let from: string | null = ""; from !== null;) {
      let page: ListMultipartUploadsCommandOutput;
      try {
        page = await this.#client.send(new ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: prefix, ...(from === "" ? {} : { KeyMarker: from }) }));
      } catch (error) {
        if (!(error instanceof S3ServiceException) || error.$metadata.httpStatusCode !== 501) throw error;
        yield null;
        return;
      }
      const uploads = (page.Uploads ?? []).map(({ Key = "", UploadId = "", Initiated }) => ({ name: Key, upload_id: UploadId, at: this.#atOf(Initiated) }));
      yield { uploads, now: this.#now };
      from = page.IsTruncated === true ? (page.NextKeyMarker ?? uploads.at(-1)?.name ?? null) : null;
    }
  }

  async abort({ name, upload_id }: UnfinishedUpload): Promise<void> {
    await orGone(this.#client.send(new AbortMultipartUploadCommand({ Bucket: this.#bucket, Key: name, UploadId: upload_id })));
  }

  close(): void {
    this.#client.destroy();
  }

  /** What a store does not date is as young as can be. */
  #atOf(date: Date | undefined): number {
    return date?.getTime() ?? this.#now;
  }

  /** This machine's own clock may be a day off. The local R2 is on this machine, and its answers have no date. */
  get #now(): number {
    return this.#time ?? Date.now();
  }
}

/** Two sweeps take the same away: a store may tell the second that it is gone. */
async function orGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof S3ServiceException) || error.$metadata.httpStatusCode !== 404 || error.name === "NoSuchBucket") throw error;
  }
}
