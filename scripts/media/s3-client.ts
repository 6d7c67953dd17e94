// The client that the operator's commands for media speak to the store with.
import { S3Client } from "@aws-sdk/client-s3";
import type { MediaStoreConfig } from "./environment.ts";

export function newClient({ endpoint, region, accessKeyId, secretAccessKey }: MediaStoreConfig): S3Client {
  return new S3Client({
    endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey },
    // Newer checksums are not in every S3 server.
    requestChecksumCalculation: "WHEN_REQUIRED", responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 30_000, throwOnRequestTimeout: true, socketTimeout: 30_000 }, maxAttempts: 3,
  });
}
