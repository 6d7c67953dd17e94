// An archive as small as can be: the archiver's own plan, laid down in a map.
import { createHash } from "node:crypto";
import { planSegmentWrites } from "../../archiver/plan.ts";
import { eventOf, type NewRow } from "../../archiver/rows.ts";
import { layOver } from "../../durable-objects/conversation/shown.ts";
import type { Event } from "../../protocol/events.ts";
import type { HistoryReply, PrunedEvent } from "../../protocol/rpc.ts";
import { contentText, decodeSegment, ERASED_SALT, parseSegmentKey, SEGMENT_FORMAT, type SegmentHead } from "../../protocol/segment.ts";

const YEARS_S = 100 * 365 * 86_400;
const sha256 = (...parts: (string | Uint8Array)[]) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest("hex");

export interface Archive {
  readonly bucket: Map<string, string>;
  readonly rows: Map<string, NewRow>;
}

export const newArchive = (): Archive => ({ bucket: new Map(), rows: new Map() });

/** Stores a segment's rows and changes. @returns what is acknowledged */
export function take(archive: Archive, key: string, ndjson: string): SegmentHead {
  const events = decodeSegment(ndjson).map((event) => ({ event, body: contentText(event) }));
  const { rows, changes } = planSegmentWrites(parseSegmentKey(key)?.conversation_id as string, events, YEARS_S, 0);
  for (const row of rows) if (!archive.rows.has(row.message_id)) archive.rows.set(row.message_id, row);
  for (const change of changes) {
    const row = archive.rows.get(change.message_id);
    if (row === undefined) throw new Error(`${change.message_id} is not archived`);
    const { content, status, changed_at, body } = change;
    archive.rows.set(change.message_id, { ...row, content, status, changed_at, ...(body === null ? {} : { body, salt: ERASED_SALT }) });
  }
  return { ...(parseSegmentKey(key) as NonNullable<ReturnType<typeof parseSegmentKey>>), count: events.length, sha256: sha256(ndjson), format: SEGMENT_FORMAT };
}

/** As the Worker fills a page from the archive. */
export function archivedBodies(archive: Archive, events: HistoryReply["events"]): Exclude<HistoryReply["events"][number], PrunedEvent>[] {
  const bodyOf = (event: PrunedEvent): Event => {
    const row = archive.rows.get(event.msg_id);
    if (row === undefined) throw new Error(`seq ${event.seq} is not archived`);
    if (sha256(Buffer.from(row.salt, "hex"), row.body) !== event.content_hash) throw new Error(`the archived body of seq ${event.seq} has another hash`);
    const { salt: _salt, content_hash: _hash, ...archived } = eventOf(event.conversation_id, row);
    return archived as Event;
  };
  return events.map((event) => {
    if (event.type !== "pruned") return event;
    const edit = event.edit === undefined ? null : event.edit.type === "pruned" ? bodyOf(event.edit) : event.edit;
    return layOver(bodyOf(event), event.shown ?? {}, edit?.type === "edit" ? edit : null);
  });
}
