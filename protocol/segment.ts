// Segment format 1: what the conversation hands to the archiver. An object
// segments/<shard>/<conversation_id>/<epoch>/<from>-<to>.ndjson.gz: gzip of one JSON line per event, ascending and dense.
// `sha256` is of the NDJSON before gzip, so that a retry of the same plan has the same hash whatever gzip wrote.
import * as v from "valibot";
import { canonicalJson } from "./canonical.ts";
import { bodyOf, Event } from "./events.ts";
import { MsgId, UserId } from "./ids.ts";

export const SEGMENT_FORMAT = 1;
export const SEGMENT_PREFIX = "segments/";

/** In the place of a salt that was destroyed. */
export const ERASED_SALT = "0".repeat(32);

const Hex = (digits: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${digits}}$`)));
const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** salt: 16 random bytes made at append. content_hash: SHA-256(salt ‖ canonical JSON of the type's own fields). */
export const Sealing = v.object({
  salt: Hex(32),
  content_hash: Hex(64),
  /** The deletion that took this event's content: its body is what is left, its salt is gone, and its hash is of what was. */
  erased: v.optional(MsgId),
  /** Of a deletion: what is left of each event whose content it took, the message first, then its edits. */
  erases: v.optional(v.array(v.object({ msg_id: MsgId, body: v.record(v.string(), v.unknown()) }))),
});
export const SegmentEvent = v.intersect([Event, Sealing]);
export type SegmentEvent = v.InferOutput<typeof SegmentEvent>;

/** What stands in the object's metadata (as text) and in the acknowledgement. */
export const SegmentHead = v.object({
  conversation_id: v.string(),
  epoch: Count,
  from_seq: Count,
  to_seq: Count,
  count: Count,
  sha256: Hex(64),
  format: v.literal(SEGMENT_FORMAT),
  /** The conversation's chain before the first event and with the last one. Absent: sealed by a version without chains. */
  chain_before: v.optional(Hex(64)),
  chain: v.optional(Hex(64)),
  /** Both users of a direct conversation, which no event names. */
  pair: v.optional(v.tuple([UserId, UserId])),
});
export type SegmentHead = v.InferOutput<typeof SegmentHead>;

/** @param shard the first two hex digits of SHA-256 of the conversation id: spreads keys over the store's partitions */
export function segmentKey(shard: string, conversationId: string, epoch: number, from: number, to: number): string {
  return `${SEGMENT_PREFIX}${shard}/${conversationId}/${epoch}/${from}-${to}.ndjson.gz`;
}

const KEY = /^segments\/[0-9a-f]{2}\/([^/]+)\/(\d+)\/(\d+)-(\d+)\.ndjson\.gz$/;

/** What a key says of its segment; null for an object that is none. */
export function parseSegmentKey(key: string): Pick<SegmentHead, "conversation_id" | "epoch" | "from_seq" | "to_seq"> | null {
  const match = KEY.exec(key);
  if (match === null) return null;
  return { conversation_id: match[1] as string, epoch: Number(match[2]), from_seq: Number(match[3]), to_seq: Number(match[4]) };
}

export const SHA256_METADATA = "confab-sha256";

/** S3 metadata values are text, and names are lower case with hyphens. */
export function segmentMetadata(head: SegmentHead): Record<string, string> {
  return {
    "confab-format": String(head.format),
    "confab-count": String(head.count),
    "confab-from-seq": String(head.from_seq),
    "confab-to-seq": String(head.to_seq),
    [SHA256_METADATA]: head.sha256,
    ...(head.chain_before === undefined || head.chain === undefined ? {} : { "confab-chain-before": head.chain_before, "confab-chain": head.chain }),
    // No id holds a comma.
    ...(head.pair === undefined ? {} : { "confab-pair": head.pair.join(",") }),
  };
}

/** The text whose bytes follow the salt in the content hash. */
export function contentText(event: Event): string {
  return canonicalJson(bodyOf(event));
}

export function encodeSegment(events: SegmentEvent[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join("");
}

/** Throws where the text is not a dense run of valid events. Checks no hash. */
export function decodeSegment(ndjson: string): SegmentEvent[] {
  if (!ndjson.endsWith("\n")) throw new Error("the segment's last line is cut off");
  const events = ndjson.split("\n").slice(0, -1).map((line) => v.parse(SegmentEvent, JSON.parse(line)));
  events.forEach((event, i) => {
    const first = events[0] as SegmentEvent;
    if (event.seq !== first.seq + i || event.conversation_id !== first.conversation_id) throw new Error(`segment line ${i + 1} is out of order`);
  });
  return events;
}
