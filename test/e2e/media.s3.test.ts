// Messages with files, on an S3 server that shares no code with the product and checks every signature and hash.
import { independentStore } from "../media/stores.ts";
import { startProduct } from "../product.ts";
import { MEDIA_ENV } from "./media-env.ts";
import { mediaSuite } from "./media-suite.ts";

mediaSuite(async () => {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = await independentStore();
  return startProduct({
    env: {
      ...MEDIA_ENV, MEDIA_ENDPOINT: endpoint, MEDIA_REGION: region, MEDIA_BUCKET: bucket, MEDIA_ACCESS_KEY_ID: accessKeyId, MEDIA_SECRET_ACCESS_KEY: secretAccessKey, MEDIA_VERIFIES_SHA256: "on",
    },
  });
}, true);
