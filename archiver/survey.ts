// What waits in the bucket of an archiver's own share: counted, and the work of one pass by conversation in the order of
// seq. A pass looks at one stretch of the listing and the next goes on from there, so that a long backlog is listed once.
import { parseSegmentKey } from "../protocol/segment.ts";
import type { ListedObject, SegmentBucket } from "./s3.ts";
import type { Share } from "./share.ts";
import type { Shelf } from "./shelf.ts";

/** Segments that one pass takes in hand: bounds the memory of a long backlog, and how late a change of shares is seen. */
export const PASS_SEGMENTS = 2_000;

export interface Backlog {
  segments: number;
  bytes: number;
  /** ms; null where nothing waits */
  oldest_at: number | null;
}

export interface Survey extends Backlog {
  /** Of one conversation each, by epoch and seq. */
  groups: ListedObject[][];
  /** Where the next pass goes on; null: the listing was seen to its end. */
  next: string | null;
  /** A conversation had more segments than a pass takes: they are in the next listing. */
  cut: boolean;
  /** Keys of the shelf that are there. */
  kept: Set<string>;
}

export interface SurveyTools {
  bucket: Pick<SegmentBucket, "page">;
  shelf: Shelf;
  share: Share;
  /** Called for each page of the listing. */
  onPage: () => void;
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

/** The objects of a share from `after` on. What is others' is jumped over, where that saves a page. */
async function* listShare({ bucket, share, onPage }: Omit<SurveyTools, "shelf">, after: string): AsyncGenerator<ListedObject> {
  for (let place = share.from(after); place !== null;) {
    const { objects, more } = await bucket.page(place);
    onPage();
    for (const object of objects) if (share.owns(object.key)) yield object;
    const last = objects.at(-1);
    place = more && last !== undefined ? share.from(last.key) : null;
  }
}

function add(backlog: Backlog, { size, modified_at }: ListedObject): void {
  backlog.segments += 1;
  backlog.bytes += size;
  backlog.oldest_at = Math.min(backlog.oldest_at ?? modified_at, modified_at);
}

export async function countSegments(tools: Omit<SurveyTools, "shelf">): Promise<Backlog> {
  const backlog: Backlog = { segments: 0, bytes: 0, oldest_at: null };
  for await (const object of listShare(tools, "")) add(backlog, object);
  return backlog;
}

/**
 * @param after where the pass before ended; "" from the start
 * @param now ms
 */
export async function surveySegments(tools: SurveyTools, after: string, now: number): Promise<Survey> {
  const { shelf } = tools;
  const survey: Survey = { segments: 0, bytes: 0, oldest_at: null, groups: [], next: null, cut: false, kept: new Set() };
  let taken = 0;
  let group: ListedObject[] = [];
  let conversation = "";
  let last = after;
  /** The lowest of a conversation's segments: also one that is very long keeps to the bound. */
  const cut = () => {
    survey.cut ||= group.length > PASS_SEGMENTS;
    group = inSeqOrder(group).slice(0, PASS_SEGMENTS);
  };
  const endGroup = () => {
    cut();
    if (group.length > 0) survey.groups.push(group);
    group = [];
  };
  for await (const object of listShare(tools, after)) {
    // A conversation's keys stand together in the listing.
    const place = placeOf(object.key);
    if (place.conversation !== conversation) {
      endGroup();
      conversation = place.conversation;
      if (taken >= PASS_SEGMENTS) {
        survey.next = last;
        return survey;
      }
    }
    last = object.key;
    add(survey, object);
    if (shelf.has(object.key)) survey.kept.add(object.key);
    if (!shelf.isDue(object, now)) continue;
    group.push(object);
    taken += 1;
    if (group.length >= 2 * PASS_SEGMENTS) cut();
  }
  endGroup();
  return survey;
}
