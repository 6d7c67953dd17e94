// The archiver's read API as the edge sees it, answering from the sealed segments in the bucket.
import { bucketOf } from "../../protocol/msg-id.ts";
import { type ArchiveRead } from "../../protocol/archive.ts";
import { decodeSegment, parseSegmentKey, type SegmentEvent, SEGMENT_PREFIX } from "../../protocol/segment.ts";
import { bindings, conversation } from "./objects.ts";

const bucket = bindings.SEGMENTS as R2Bucket;
type MessageEvent = SegmentEvent & { content?: string };

export const archiveRequests = {
  /** Every bucket that was asked for. */
  buckets: new Set<string>(),
  /** What the archive makes of an event; null: it is gone. */
  forge: (event: MessageEvent): MessageEvent | null => event,
  /** ms: what is older may be gone. undefined: the archiver does not say. */
  kept_from: undefined as number | undefined,
  /** Acknowledges every sealed segment of a conversation, as an archiver does. */
  async acknowledgeAll(conversationId: string): Promise<number> {
    const objects = await segmentsOf(conversationId);
    for (const { key, metadata } of objects) {
      const head = parseSegmentKey(key);
      if (head === null) throw new Error(`not a segment: ${key}`);
      const result = await conversation(conversationId).archived({
        ...head, count: Number(metadata["confab-count"]), sha256: metadata["confab-sha256"] as string, format: 1,
      });
      if (!result.ok) throw new Error(result.code);
    }
    return objects.length;
  },
};

async function segmentsOf(conversationId: string): Promise<{ key: string; metadata: Record<string, string> }[]> {
  const { objects } = await bucket.list({ prefix: SEGMENT_PREFIX, include: ["customMetadata"] });
  return objects.filter(({ key }) => key.includes(conversationId)).map(({ key, customMetadata }) => ({ key, metadata: customMetadata ?? {} }));
}

async function eventsOf(conversationId: string): Promise<SegmentEvent[]> {
  const texts = await Promise.all((await segmentsOf(conversationId)).map(async ({ key }) => {
    const object = (await bucket.get(key)) as R2ObjectBody;
    return new Response(object.body.pipeThrough(new DecompressionStream("gzip"))).text();
  }));
  return texts.flatMap((text) => decodeSegment(text));
}

export async function fakeArchive(_url: URL, init: { body: string }): Promise<Response> {
  const { conversation_id, ranges } = JSON.parse(init.body) as ArchiveRead;
  for (const range of ranges) archiveRequests.buckets.add(range.bucket);
  const asked = (event: SegmentEvent) => ranges.some((range) => bucketOf(event.msg_id) === range.bucket && event.msg_id >= range.first && event.msg_id <= range.last);
  const events = (await eventsOf(conversation_id)).filter(asked).map((event) => archiveRequests.forge(event)).filter((event) => event !== null);
  return Response.json({ events, kept_from: archiveRequests.kept_from });
}
