// What waits in the bucket: counted whole, and of it the work of one pass, by conversation and in the order of seq.
import { parseSegmentKey } from "../protocol/segment.ts";
import type { ListedObject, SegmentBucket } from "./s3.ts";
import type { Shelf } from "./shelf.ts";

/** Segments that one pass takes in hand: bounds the memory of a long backlog. */
const PASS_SEGMENTS = 10_000;

export interface Backlog {
  segments: number;
  bytes: number;
  /** ms; null where nothing waits */
  oldest_at: number | null;
  /** Of the listing: each is a call. */
  pages: number;
}

export interface Survey extends Backlog {
  /** Of one conversation each, by epoch and seq. */
  groups: ListedObject[][];
  /** There is more work than this pass takes. */
  more: boolean;
}

interface Place {
  conversation: string;
  epoch: number;
  from: number;
}

function placeOf(key: string): Place {
  const place = parseSegmentKey(key);
  // An object that is no segment stands alone, to be found wrong.
  return place === null ? { conversation: key, epoch: 0, from: 0 } : { conversation: place.conversation_id, epoch: place.epoch, from: place.from_seq };
}

/** Keys sort as text, where 10 comes before 9. */
function inSeqOrder(objects: readonly ListedObject[]): ListedObject[] {
  return objects
    .map((object) => ({ object, place: placeOf(object.key) }))
    .toSorted((a, b) => a.place.epoch - b.place.epoch || a.place.from - b.place.from)
    .map(({ object }) => object);
}

function add(backlog: Backlog, page: readonly ListedObject[]): void {
  backlog.pages += 1;
  for (const { size, modified_at } of page) {
    backlog.segments += 1;
    backlog.bytes += size;
    backlog.oldest_at = Math.min(backlog.oldest_at ?? modified_at, modified_at);
  }
}

export async function countSegments(bucket: SegmentBucket): Promise<Backlog> {
  const backlog: Backlog = { segments: 0, bytes: 0, oldest_at: null, pages: 0 };
  for await (const page of bucket.list()) add(backlog, page);
  return backlog;
}

/** @param now ms */
export async function surveySegments(bucket: SegmentBucket, shelf: Shelf, now: number): Promise<Survey> {
  const survey: Survey = { segments: 0, bytes: 0, oldest_at: null, groups: [], more: false, pages: 0 };
  const seen = new Set<string>();
  let taken = 0;
  let group: ListedObject[] = [];
  let conversation = "";
  /** The lowest of a conversation's segments: also one that is very long keeps to the bound. */
  const cut = () => {
    survey.more ||= group.length > PASS_SEGMENTS;
    group = inSeqOrder(group).slice(0, PASS_SEGMENTS);
  };
  const endGroup = (next: string) => {
    cut();
    if (group.length > 0) survey.groups.push(group);
    group = [];
    conversation = next;
  };
  for await (const page of bucket.list()) {
    add(survey, page);
    for (const object of page) {
      if (shelf.has(object.key)) seen.add(object.key);
      if (!shelf.isDue(object, now)) continue;
      // A conversation's keys stand together in the listing.
      const place = placeOf(object.key);
      if (place.conversation !== conversation) endGroup(place.conversation);
      if (taken >= PASS_SEGMENTS && group.length === 0) {
        survey.more = true;
        continue;
      }
      group.push(object);
      taken += 1;
      if (group.length >= 2 * PASS_SEGMENTS) cut();
    }
  }
  endGroup("");
  shelf.retain(seen);
  return survey;
}
