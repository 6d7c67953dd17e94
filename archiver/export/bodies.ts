// Bodies that a conversation has pruned, from the archive: each checked against the hash that the conversation kept.
import { createHash } from "node:crypto";
import { bucketOf } from "../../protocol/msg-id.ts";
import { contentText, type SegmentEvent } from "../../protocol/segment.ts";
import { eventOf } from "../rows.ts";
import type { ArchiveStore } from "../stores/store.ts";

/** Where a body is, and what its content must hash to. */
export interface Place {
  seq: number;
  msg_id: string;
  content_hash: string;
}

/** The archive does not have what the conversation gave it. */
export class Hole extends Error {}

/** @param places ascending */
export async function readBodies(store: ArchiveStore, conversationId: string, places: readonly Place[]): Promise<Map<number, SegmentEvent>> {
  const bodies = new Map<number, SegmentEvent>();
  for (const [bucket, group] of Map.groupBy(places, ({ msg_id }) => bucketOf(msg_id))) {
    for (const run of runsOf(group)) {
      const [first, last] = [run[0] as Place, run.at(-1) as Place];
      const range = { bucket, first: first.msg_id, last: last.msg_id, from_seq: first.seq, to_seq: last.seq };
      for (const row of await store.read(conversationId, range, run.length)) bodies.set(row.seq, eventOf(conversationId, row));
    }
  }
  for (const place of places) check(conversationId, place, bodies.get(place.seq));
  return bodies;
}

function check(conversationId: string, { seq, content_hash }: Place, body: SegmentEvent | undefined): void {
  if (body === undefined) throw new Hole(`seq ${seq} of ${conversationId} is neither in the conversation nor in the archive`);
  const hash = createHash("sha256").update(Buffer.from(body.salt, "hex")).update(contentText(body)).digest("hex");
  if (hash !== content_hash) throw new Hole(`seq ${seq} of ${conversationId} is archived with another content than was sealed`);
}

/** Neighbours, which one range reads. */
function runsOf(places: readonly Place[]): Place[][] {
  const runs: Place[][] = [];
  for (const place of places) {
    const run = runs.at(-1);
    if (run !== undefined && (run.at(-1) as Place).seq + 1 === place.seq) run.push(place);
    else runs.push([place]);
  }
  return runs;
}
