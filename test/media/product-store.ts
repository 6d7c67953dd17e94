// The store of files of a product that runs here, with the keys of its own secrets: to sign what it would sign, at any time.
import { readFileSync } from "node:fs";
import path from "node:path";
import { MediaBucket } from "../../media/bucket.ts";
import { type MediaEnv, type MediaSettings, readMediaSettings } from "../../media/settings.ts";
import { localMediaEnv } from "../../scripts/start/local-media.ts";
import type { Secrets } from "../../scripts/start/secrets.ts";
import type { Product } from "../product.ts";

/** @param env that of the product, as far as it speaks of another store */
export function storeOf(product: Product, env: MediaEnv = {}): MediaBucket {
  const secrets = JSON.parse(readFileSync(path.join(product.dataDir, "secrets.json"), "utf8")) as Secrets;
  const settings = readMediaSettings(localMediaEnv(secrets, product.ports[0] as number, { ...env }));
  if (settings === null) throw new Error("no store of files");
  return new MediaBucket(settings);
}

/** How a product is told of a store. */
export function envOf(settings: MediaSettings): Record<string, string> {
  return {
    MEDIA_ENDPOINT: settings.endpoint, MEDIA_REGION: settings.region, MEDIA_BUCKET: settings.bucket, MEDIA_ACCESS_KEY_ID: settings.accessKeyId,
    MEDIA_SECRET_ACCESS_KEY: settings.secretAccessKey, MEDIA_SECRET: settings.secret, MEDIA_VERIFIES_SHA256: settings.verifiesSha256 ? "on" : "off",
  };
}
