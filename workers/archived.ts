// Fills a page's pruned events with their bodies from the archive. Each body is checked against the hash that the
// conversation kept: what the archive lost or changed is an error, never a shorter or different history.
import { sha256Hex } from "../durable-objects/platform/hash.ts";
import type { Env } from "../durable-objects/platform/env.ts";
import { count } from "../durable-objects/platform/metrics.ts";
import { errorFields, log } from "../log/log.ts";
import { type ArchiveRead, ArchiveReadAnswer } from "../protocol/archive.ts";
import { ChatError } from "../protocol/errors.ts";
import { type Event, EVENT_BODIES } from "../protocol/events.ts";
import type { ExpiredEvent, HistoryPage } from "../protocol/rest.ts";
import { layOver } from "../durable-objects/conversation/shown.ts";
import { bucketOf, sentAtOf } from "../protocol/msg-id.ts";
import type { HistoryReply, PrunedEvent } from "../protocol/rpc.ts";
import { contentText, ERASED_SALT, type SegmentEvent } from "../protocol/segment.ts";
import { signArchiveToken } from "./archive-token.ts";
import * as v from "valibot";

const TIMEOUT_MS = 5_000;
/** Where the archiver says nothing else. */
const RETRY_AFTER_MS = 5_000;
const Refusal = v.object({ error: v.object({ retry_after_ms: v.pipe(v.number(), v.minValue(0), v.maxValue(60_000)) }) });

interface Archived {
  /** By msg_id: rows that a restore left behind have seqs that others have by now. */
  events: ReadonlyMap<string, SegmentEvent>;
  /** ms: what is older may be gone, since its retention is over. */
  kept_from: number;
}
const NOTHING: Archived = { events: new Map(), kept_from: 0 };

/**
 * Where the archive can't be read, a page that begins with hot events is those, and says so: its cursor goes on at the seam.
 * Throws `archive_unavailable` for one that begins in the archive: it would be empty, which is what an end looks like.
 */
export async function historyPage(env: Env, page: HistoryReply): Promise<HistoryPage> {
  try {
    return await withArchivedBodies(env, page);
  } catch (error) {
    if (!(error instanceof ChatError) || error.code !== "archive_unavailable" || page.seam === undefined) throw error;
    const { retry_after_ms } = error.detail;
    return {
      events: page.events.slice(0, page.seam.events).filter((event) => event.type !== "pruned"),
      next_cursor: page.seam.cursor, as_of_seq: page.as_of_seq ?? 0, archive_unavailable: true, ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
    };
  }
}

/** Throws `archive_unavailable` unless all of it can be read. */
export async function withArchivedBodies(env: Env, page: HistoryReply): Promise<HistoryPage> {
  const wanted = page.events.filter((event): event is PrunedEvent => event.type === "pruned");
  const pruned = wanted.flatMap((event) => (event.edit?.type === "pruned" ? [event, event.edit] : [event]));
  const first = pruned[0];
  const archived = first === undefined ? NOTHING
    : await readArchive(env, { conversation_id: first.conversation_id, ranges: rangesOf(pruned) });
  const events = page.events.map((event) => (event.type === "pruned" ? shownEvent(event, archived) : event));
  return { events, next_cursor: page.next_cursor, as_of_seq: page.as_of_seq ?? 0 };
}

function shownEvent(event: PrunedEvent, archived: Archived): Event | ExpiredEvent {
  // A hold keeps rows longer: only what is not there has expired.
  if (!archived.events.has(event.msg_id) && sentAtOf(event.msg_id) < archived.kept_from) return expired(event);
  const edit = event.edit?.type === "pruned" ? checkedBody(event.edit, archived) : (event.edit ?? null);
  return layOver(checkedBody(event, archived), event.shown ?? {}, edit?.type === "edit" ? edit : null);
}

function expired({ conversation_id, epoch, seq, msg_id, sender_id }: PrunedEvent): ExpiredEvent {
  return { type: "skip", reason: "expired", conversation_id, epoch, seq, msg_id, sender_id, sent_at: sentAtOf(msg_id) };
}

function checkedBody(event: PrunedEvent, archived: Archived): Event {
  const body = archived.events.get(event.msg_id);
  if (body === undefined || sha256Hex(Buffer.from(body.salt, "hex"), contentText(body)) !== event.content_hash) {
    // A body that a deletion took between the page and here is there no more either: asked again, the page knows of it.
    log("error", "archive_mismatch", { conversation_id: event.conversation_id, seq: event.seq, missing: body === undefined, erased: body?.salt === ERASED_SALT });
    count("archive_read_failures");
    throw new ChatError("archive_unavailable", { retry_after_ms: RETRY_AFTER_MS });
  }
  return withoutSealing(body, event.epoch);
}

/** Runs of neighbours, each within one month. */
function rangesOf(pruned: readonly PrunedEvent[]): ArchiveRead["ranges"] {
  const ranges: (ArchiveRead["ranges"][number] & { to_seq: number })[] = [];
  for (const event of pruned.toSorted((a, b) => a.seq - b.seq)) {
    const bucket = bucketOf(event.msg_id);
    const last = ranges.at(-1);
    if (last !== undefined && last.bucket === bucket && last.to_seq + 1 === event.seq) Object.assign(last, { last: event.msg_id, to_seq: event.seq });
    else ranges.push({ bucket, first: event.msg_id, last: event.msg_id, from_seq: event.seq, to_seq: event.seq });
  }
  return ranges;
}

async function readArchive(env: Env, read: ArchiveRead): Promise<Archived> {
  count("archive_reads");
  let retry_after_ms = RETRY_AFTER_MS;
  try {
    if (env.ARCHIVER_URL === undefined) throw new Error("ARCHIVER_URL is not set");
    const response = await fetch(new URL("/v1/archive/read", env.ARCHIVER_URL), {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${await signArchiveToken(env.ARCHIVE_SECRET)}` },
      body: JSON.stringify(read),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) {
      const refusal = v.safeParse(Refusal, await response.json().catch(() => null));
      if (refusal.success) ({ retry_after_ms } = refusal.output.error);
      throw new Error(`the archiver answered ${response.status}`);
    }
    const { events, kept_from = 0 } = v.parse(ArchiveReadAnswer, await response.json());
    return { events: new Map(events.map((event) => [event.msg_id, event])), kept_from };
  } catch (error) {
    count("archive_read_failures");
    log("warn", "archive_unreadable", { conversation_id: read.conversation_id, ...errorFields(error) });
    throw new ChatError("archive_unavailable", { retry_after_ms });
  }
}

function withoutSealing(archived: SegmentEvent, epoch: number): Event {
  const { salt: _salt, content_hash: _hash, erased: _erased, erases: _erases, ...event } = archived;
  return { ...event, ...v.parse(EVENT_BODIES[event.type], event), epoch } as Event;
}
