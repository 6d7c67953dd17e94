// The lifecycle rules of the bucket that files lie in, over the S3 API.
import { createHash } from "node:crypto";
import {
  GetBucketLifecycleConfigurationCommand, GetBucketVersioningCommand, type LifecycleRule, PutBucketLifecycleConfigurationCommand, type S3Client, S3ServiceException,
} from "@aws-sdk/client-s3";
import type { MediaStoreConfig } from "./environment.ts";
import { newClient } from "./s3-client.ts";

/** The store has no lifecycle rules: it answered 501. */
export class Unsupported extends Error {}

export interface Rules {
  rules: LifecycleRule[];
  /** AWS's own word of how small objects move; given back as it was. */
  smallObjects: GetSmall;
}
type GetSmall = "all_storage_classes_128K" | "varies_by_storage_class" | undefined;

export class LifecycleStore {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(config: MediaStoreConfig) {
    this.#bucket = config.bucket;
    this.#client = newClient(config);
    // What says that the rules arrived whole: MD5 is in every S3 server, while R2 has answered 501 to the newer checksums of the SDK.
    this.#client.middlewareStack.add((next) => async (given) => {
      const request = given.request as { headers: Record<string, string>; body?: unknown };
      if (typeof request.body === "string" && request.body !== "") {
        for (const name of Object.keys(request.headers)) if (/^x-amz-(sdk-)?checksum/i.test(name)) delete request.headers[name];
        request.headers["content-md5"] = createHash("md5").update(request.body).digest("base64");
      }
      return next(given);
    }, { step: "build", priority: "low", name: "confabMd5" });
  }

  async read(): Promise<Rules> {
    try {
      const answer = await this.#client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: this.#bucket }));
      return { rules: answer.Rules ?? [], smallObjects: answer.TransitionDefaultMinimumObjectSize };
    } catch (error) {
      if (error instanceof S3ServiceException && error.name === "NoSuchLifecycleConfiguration") return { rules: [], smallObjects: undefined };
      throw asUnsupported(error);
    }
  }

  /** In the place of all that are there. */
  async write({ rules, smallObjects }: Rules): Promise<void> {
    try {
      await this.#client.send(new PutBucketLifecycleConfigurationCommand({
        Bucket: this.#bucket, LifecycleConfiguration: { Rules: rules },
        ...(smallObjects === undefined ? {} : { TransitionDefaultMinimumObjectSize: smallObjects }),
      }));
    } catch (error) {
      throw asUnsupported(error);
    }
  }

  /** Deleted objects stay as older versions there. A store that can't say has none. */
  async isVersioned(): Promise<boolean> {
    try {
      return (await this.#client.send(new GetBucketVersioningCommand({ Bucket: this.#bucket }))).Status === "Enabled";
    } catch (error) {
      if (error instanceof S3ServiceException && [404, 501].includes(error.$metadata.httpStatusCode ?? 0)) return false;
      throw error;
    }
  }

  close(): void {
    this.#client.destroy();
  }
}

function asUnsupported(error: unknown): unknown {
  if (!(error instanceof S3ServiceException)) return error;
  return error.$metadata.httpStatusCode === 501 || error.name === "NotImplemented" ? new Unsupported(error.message, { cause: error }) : error;
}
