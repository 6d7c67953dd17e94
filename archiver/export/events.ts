// A conversation's events in the order of seq, each as it was sealed and as it now is: from the conversation where it has the body,
// else from the archive. A page at a time, so that memory is bounded.
import type { SegmentEvent } from "../../protocol/segment.ts";
import type { Page, PeopleEdge } from "../people-edge.ts";
import type { ArchiveStore } from "../stores/store.ts";
import { Hole, type Place, readBodies } from "./bodies.ts";

/** A body may be pruned, or erased, between the page and the look into the archive: then the page is asked for again. */
const TRIES = 3;

export interface EventLine {
  line: "event";
  sealed: SegmentEvent;
  /** As a reader of the whole conversation sees it. */
  now: Record<string, unknown>;
}

interface Shown extends Record<string, unknown> {
  seq: number;
  shown?: Record<string, unknown>;
  edit?: Record<string, unknown> & Place;
}

export interface ExportTools {
  edge: PeopleEdge;
  store: ArchiveStore;
}

/** @param senderId only this one's; else all, without a hole up to the head */
export async function* exportEvents(tools: ExportTools, conversationId: string, senderId?: string): AsyncGenerator<EventLine[], { head_seq: number; epoch: number }> {
  let next = 1;
  for (;;) {
    const { page, lines } = await readPage(tools, conversationId, next, senderId);
    if (senderId === undefined) checkDense(conversationId, next, page);
    if (lines.length > 0) yield lines;
    next = page.next;
    if (next > page.head_seq) return { head_seq: page.head_seq, epoch: page.epoch };
  }
}

function checkDense(conversationId: string, from: number, { events, next, head_seq }: Page): void {
  const hole = events.findIndex((event, i) => event.seq !== from + i);
  if (hole !== -1) throw new Hole(`seq ${from + hole} of ${conversationId} is not where it should be`);
  if (events.length !== Math.min(next, head_seq + 1) - from) throw new Hole(`seq ${from + events.length} of ${conversationId} is missing`);
}

async function readPage({ edge, store }: ExportTools, conversationId: string, from: number, senderId?: string): Promise<{ page: Page; lines: EventLine[] }> {
  for (let attempt = 1; ; attempt += 1) {
    const page = await edge.events(conversationId, from, senderId);
    const places = page.events.filter(({ sealed }) => sealed === null);
    const edits = page.events.map(({ shown }) => (shown as unknown as Shown).edit).filter((edit): edit is Shown & Place => edit?.["type"] === "pruned");
    try {
      const bodies = await readBodies(store, conversationId, uniqueBySeq([...places, ...edits]));
      return { page, lines: page.events.map((event) => lineOf(event, bodies)) };
    } catch (error) {
      if (!(error instanceof Hole) || attempt === TRIES) throw error;
    }
  }
}

function uniqueBySeq(places: readonly Place[]): Place[] {
  return [...new Map(places.map((place) => [place.seq, place])).values()].toSorted((a, b) => a.seq - b.seq);
}

function lineOf({ seq, sealed, shown }: Page["events"][number], bodies: ReadonlyMap<number, SegmentEvent>): EventLine {
  const event = sealed ?? (bodies.get(seq) as SegmentEvent);
  return { line: "event", sealed: event, now: shown.type === "pruned" ? laidOver(event, shown as unknown as Shown, bodies) : shown };
}

/** What became of a pruned message is laid over its body, as history lays it. */
function laidOver(event: SegmentEvent, { shown, edit }: Shown, bodies: ReadonlyMap<number, SegmentEvent>): Record<string, unknown> {
  const { salt: _salt, content_hash: _hash, erased: _erased, erases: _erases, ...now } = event;
  const newest = edit === undefined ? undefined : edit["type"] === "pruned" ? bodies.get(edit.seq) : edit;
  const content = newest === undefined ? {} : { content: (newest as { content: string }).content, ...("mentions" in newest ? { mentions: newest.mentions } : {}) };
  return event.type === "msg" ? { ...now, ...content, ...shown } : now;
}
