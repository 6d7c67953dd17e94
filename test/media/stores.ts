// The two stores that media is tested on: local R2 as `npm start` has it, and an S3 server that shares no code with it.
import { MediaBucket } from "../../media/bucket.ts";
import type { MediaSettings } from "../../media/settings.ts";
import { LOCAL_S3 } from "../../scripts/start/local-media.ts";
import { TestBucket } from "../archiver/test-bucket.ts";
import { localR2 } from "../local-r2.ts";

export interface MediaStore {
  readonly bucket: MediaBucket;
  /** By which a client reaches the edge; counts only where the store lies on its origin. */
  readonly reached: string;
}

const SECRET = "a secret of tests, 32 characters";

/** An empty bucket on the independent server. */
export async function independentStore(): Promise<MediaSettings> {
  const made = await TestBucket.make();
  made.close();
  return { ...made.config, secret: SECRET, origin: made.config.endpoint, verifiesSha256: true };
}

export async function onIndependent(): Promise<MediaStore> {
  return { bucket: new MediaBucket(await independentStore()), reached: "http://edge.invalid/" };
}

export async function onLocalR2(): Promise<MediaStore> {
  const made = await localR2("media");
  made.close();
  return { bucket: new MediaBucket({ ...made.config, secret: SECRET, origin: LOCAL_S3, verifiesSha256: false }), reached: made.config.endpoint };
}
