// The bucket as a conversation uses it: R2, where segments wait for an archiver.
import { SHA256_METADATA } from "../../protocol/segment.ts";
import type { SegmentBucket } from "./seal.ts";

export function segmentBucket(bucket: R2Bucket): SegmentBucket {
  return {
    put: async (key, ndjson, metadata) => {
      const gzip = new Blob([ndjson]).stream().pipeThrough(new CompressionStream("gzip"));
      await bucket.put(key, await new Response(gzip).arrayBuffer(), { customMetadata: metadata, httpMetadata: { contentType: "application/gzip" } });
    },
    holds: async (key, sha256) => (await bucket.head(key))?.customMetadata?.[SHA256_METADATA] === sha256,
  };
}
