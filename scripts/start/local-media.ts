// The store of files of a local deployment: local R2, unless the environment names another.
import { HOST } from "../ports.ts";
import type { LocalBucket } from "./edge-link.ts";
import type { Secrets } from "./secrets.ts";

/** Where Miniflare answers the S3 API, path style, at every door of the edge. */
export const LOCAL_S3 = "/cdn-cgi/local/r2/s3";

export function localMediaBucket(secrets: Secrets): LocalBucket {
  return { name: "confab-media", accessKeyId: secrets.MEDIA_ACCESS_KEY_ID, secretAccessKey: secrets.MEDIA_SECRET_ACCESS_KEY };
}

/** What the Worker and the operator's commands are told of it. Of another store nothing is guessed: the environment says all of it but the secret. */
export function localMediaEnv(secrets: Secrets, port: number, given: Readonly<Record<string, string>>): Record<string, string> {
  const told = Object.fromEntries(Object.entries(given).filter(([name]) => name.startsWith("MEDIA_")));
  if (given["MEDIA_ENDPOINT"] !== undefined) return { MEDIA_SECRET: secrets.MEDIA_SECRET, ...told };
  const { name, accessKeyId, secretAccessKey } = localMediaBucket(secrets);
  return {
    MEDIA_ENDPOINT: `http://${HOST}:${port}${LOCAL_S3}`,
    // Clients reach it where they reach the edge, by whichever door, so that a page needs no leave of another origin.
    MEDIA_ORIGIN: LOCAL_S3,
    MEDIA_REGION: "auto",
    MEDIA_BUCKET: name,
    MEDIA_ACCESS_KEY_ID: accessKeyId,
    MEDIA_SECRET_ACCESS_KEY: secretAccessKey,
    MEDIA_SECRET: secrets.MEDIA_SECRET,
    ...told,
  };
}
