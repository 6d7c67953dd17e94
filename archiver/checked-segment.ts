// A segment as it comes from the bucket, checked against its key, its metadata and every hash in it.
import { hash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gunzipSync } from "node:zlib";
import * as v from "valibot";
import { chainOver } from "../protocol/chain.ts";
import { contentText, decodeSegment, parseSegmentKey, SEGMENT_FORMAT, segmentKey, SegmentHead, type SegmentEvent } from "../protocol/segment.ts";
import type { SealedEvent } from "./plan.ts";
import { reasonOf } from "./reason.ts";
import type { StoredObject } from "./s3.ts";

/** Bytes of a segment's text; more is never unpacked. */
export const TEXT_BYTES = 64 * 1024 * 1024;

export const WRONG_REASONS = ["key", "metadata", "format", "size", "gzip", "sha256", "undecodable", "range", "order", "content_hash", "chain", "ledger", "epoch", "rows"] as const;
export type WrongReason = (typeof WRONG_REASONS)[number];

/** A segment that must not be archived as it is: it is kept, and a person has to look at it. */
export class WrongSegment extends Error {
  readonly reason: WrongReason;
  constructor(reason: WrongReason, message: string) {
    super(message);
    this.name = "WrongSegment";
    this.reason = reason;
  }
}

/** By their chain the events that the archive has already, as another copy says them: from before a deletion, say. Nothing else is in it. */
export class OtherCopy extends WrongSegment {}

export interface CheckedSegment {
  head: SegmentHead;
  /** Ascending. */
  events: SealedEvent[];
}

/** Up to here it is quicker than handing the work to another thread, which does it in pieces. */
const AT_ONCE_BYTES = 256 * 1024;
const AT_ONCE_TEXT = 8 * AT_ONCE_BYTES;

const unzip = promisify(gunzip);
const sha256 = (bytes: string | Uint8Array): string => hash("sha256", bytes);

/** Throws WrongSegment unless key and metadata agree. */
export function headOf(key: string, metadata: StoredObject["metadata"]): SegmentHead {
  const place = parseSegmentKey(key);
  if (place === null) throw new WrongSegment("key", "the key is not a segment's");
  const expected = segmentKey(sha256(place.conversation_id).slice(0, 2), place.conversation_id, place.epoch, place.from_seq, place.to_seq);
  if (expected !== key) throw new WrongSegment("key", `the key should be ${expected}`);
  if (metadata["confab-format"] !== String(SEGMENT_FORMAT)) {
    throw new WrongSegment("format", `format ${metadata["confab-format"] ?? "is missing"}; this program knows ${SEGMENT_FORMAT}`);
  }
  const head = v.safeParse(SegmentHead, {
    ...place, count: Number(metadata["confab-count"]), sha256: metadata["confab-sha256"], format: SEGMENT_FORMAT,
    chain_before: metadata["confab-chain-before"], chain: metadata["confab-chain"], pair: metadata["confab-pair"]?.split(","),
  });
  if (!head.success) throw new WrongSegment("metadata", `${v.getDotPath(head.issues[0]) ?? "metadata"}: ${head.issues[0].message}`);
  if (metadata["confab-from-seq"] !== String(place.from_seq) || metadata["confab-to-seq"] !== String(place.to_seq)) {
    throw new WrongSegment("metadata", "the metadata names other seqs than the key");
  }
  if (head.output.count !== place.to_seq - place.from_seq + 1) throw new WrongSegment("metadata", "the count is not the range's");
  return head.output;
}

/** How many bytes an object unpacks to, at most TEXT_BYTES: what gzip says at its end. No more are unpacked. */
export function textBytesOf(object: StoredObject | "too_large"): number {
  if (object === "too_large" || object.bytes.length < 4) return 0;
  const { buffer, byteOffset, byteLength } = object.bytes;
  return Math.min(TEXT_BYTES, new DataView(buffer, byteOffset, byteLength).getUint32(byteLength - 4, true));
}

async function textOf(object: StoredObject): Promise<Buffer> {
  const { bytes } = object;
  // Of what is altered the end says anything; the hash finds it.
  const limits = { maxOutputLength: Math.max(1, textBytesOf(object)), chunkSize: AT_ONCE_BYTES };
  try {
    return bytes.length > AT_ONCE_BYTES || limits.maxOutputLength > AT_ONCE_TEXT ? await unzip(bytes, limits) : gunzipSync(bytes, limits);
  } catch (error) {
    throw new WrongSegment("gzip", reasonOf(error));
  }
}

function decode(text: Buffer): SegmentEvent[] {
  try {
    return decodeSegment(text.toString("utf8"));
  } catch (error) {
    // The message of a failed parse quotes what it read, and that is nobody's to see.
    const where = v.isValiError(error) ? `: ${v.getDotPath(error.issues[0]) ?? "type"}` : "";
    throw new WrongSegment("undecodable", `the lines are not a dense run of events${where}`);
  }
}

function checkRange(head: SegmentHead, events: readonly SegmentEvent[]): void {
  const first = events[0];
  if (events.length !== head.count || first?.seq !== head.from_seq) throw new WrongSegment("range", "the events are not the range's");
  const stranger = events.find((event) => event.conversation_id !== head.conversation_id || event.epoch !== head.epoch);
  if (stranger !== undefined) throw new WrongSegment("range", `seq ${stranger.seq} is of another conversation or epoch`);
  const early = events.find((event, i) => i > 0 && event.msg_id <= (events[i - 1] as SegmentEvent).msg_id);
  if (early !== undefined) throw new WrongSegment("order", `the msg_id of seq ${early.seq} does not increase`);
}

/** Throws WrongSegment where anything is not as it was sealed. */
export async function checkSegment(key: string, object: StoredObject | "too_large"): Promise<CheckedSegment> {
  if (object === "too_large") throw new WrongSegment("size", "the object is larger than any segment");
  const head = headOf(key, object.metadata);
  const text = await textOf(object);
  if (sha256(text) !== head.sha256) throw new WrongSegment("sha256", "the text does not have the hash that was sealed");
  const events = decode(text);
  checkRange(head, events);
  if (head.chain_before !== undefined && chainOver(head.chain_before, events, sha256) !== head.chain) {
    throw new WrongSegment("chain", "the events do not lead from the one hash of the chain to the other");
  }
  return {
    head,
    events: events.map((event) => {
      const body = contentText(event);
      // What a deletion took has left a hash that nothing has any more.
      if (event.erased !== undefined) return { event, body };
      if (sha256(Buffer.concat([Buffer.from(event.salt, "hex"), Buffer.from(body)])) !== event.content_hash) {
        throw new WrongSegment("content_hash", `the content of seq ${event.seq} does not have its hash`);
      }
      return { event, body };
    }),
  };
}
