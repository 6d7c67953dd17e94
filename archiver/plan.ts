// What a segment's events become in a store, and what of it is missing there. Pure.
import { clockOf, bucketOf } from "../protocol/msg-id.ts";
import type { SegmentEvent } from "../protocol/segment.ts";
import { expiryOf, rowOf, type EventRow, type NewRow, type StoredRow } from "./rows.ts";

/** An edit or deletion of a message, in the message's own row. */
export interface Change {
  bucket: string;
  message_id: string;
  /** "" for a deletion: never null, which would be a tombstone. */
  content: string;
  status: "EDITED" | "DELETED";
  /** µs: the clock of the edit or deletion, which is its write timestamp */
  changed_at: number;
  /** s since 1970: the message's own expiry, or an edited message would outlive its row */
  expires_at: number;
}

export interface Writes {
  conversation_id: string;
  /** Ascending. */
  rows: NewRow[];
  /** At most one a message: the latest. */
  changes: Change[];
}

export interface SegmentPlan extends Writes {
  /** Events that are past their retention and are not written. */
  expired: number;
}

export interface SealedEvent {
  event: SegmentEvent;
  /** The text that the content hash covers. */
  body: string;
}

function changeOf(event: SegmentEvent, retentionS: number): Change | null {
  if (event.type !== "edit" && event.type !== "delete") return null;
  return {
    bucket: bucketOf(event.target_msg_id),
    message_id: event.target_msg_id,
    content: event.type === "edit" ? event.content.toWellFormed() : "",
    status: event.type === "edit" ? "EDITED" : "DELETED",
    changed_at: clockOf(event.msg_id),
    expires_at: expiryOf(event.target_msg_id, retentionS),
  };
}

/**
 * @param events ascending, of one conversation
 * @param now ms
 */
export function planSegmentWrites(conversationId: string, events: readonly SealedEvent[], retentionS: number, now: number): SegmentPlan {
  const lives = ({ expires_at }: { expires_at: number }) => expires_at > now / 1_000;
  const rows = events.map(({ event, body }) => rowOf(event, body, retentionS)).filter(lives);
  const latest = new Map<string, Change>();
  for (const { event } of events) {
    const change = changeOf(event, retentionS);
    if (change !== null && lives(change)) latest.set(change.message_id, change);
  }
  return { conversation_id: conversationId, rows, changes: [...latest.values()], expired: events.length - rows.length };
}

export type Missing = { kind: "missing"; writes: Writes } | { kind: "conflict"; message_id: string; field: string };

const FIELDS = [
  "seq", "epoch", "type", "sender_id", "created_at", "client_msg_id", "msg_no", "content_type", "body", "salt", "content_hash",
] as const satisfies (keyof EventRow)[];

type Comparison = "missing" | "same" | { field: string };

/** What was changed last counts: an older content there is missing the newer one, a newer one there stays. */
function compareShown(wanted: Pick<NewRow, "content" | "status" | "changed_at">, found: StoredRow): Comparison {
  if (wanted.changed_at === null) return found.changed_at === null ? "same" : { field: "status" };
  if (found.changed_at === null || found.changed_at < wanted.changed_at) return "missing";
  if (found.changed_at > wanted.changed_at) return "same";
  if (found.content !== wanted.content) return { field: "content" };
  return found.status === wanted.status ? "same" : { field: "status" };
}

function compareRow(wanted: NewRow, found: StoredRow | undefined): Comparison {
  const event = found?.event ?? null;
  if (found === undefined || event === null) return "missing";
  const field = FIELDS.find((name) => event[name] !== wanted[name]);
  return field === undefined ? compareShown(wanted, found) : { field };
}

/**
 * What of `plan` a store lacks: asked before writing, so that a replay writes nothing and can't extend a row's life; and
 * after, as the proof that all is there. `conflict`: something else stands in a row's place; it is never overwritten.
 */
export function decideMissing(plan: Writes, found: readonly StoredRow[]): Missing {
  const places = new Map(found.map((row) => [row.message_id, row]));
  const rows: NewRow[] = [];
  const changes: Change[] = [];
  for (const row of plan.rows) {
    const result = compareRow(row, places.get(row.message_id));
    if (result === "missing") rows.push(row);
    else if (result !== "same") return { kind: "conflict", message_id: row.message_id, field: result.field };
  }
  for (const change of plan.changes) {
    const there = places.get(change.message_id);
    const result = there === undefined ? "missing" : compareShown(change, there);
    if (result === "missing") changes.push(change);
    else if (result !== "same") return { kind: "conflict", message_id: change.message_id, field: result.field };
  }
  return { kind: "missing", writes: { conversation_id: plan.conversation_id, rows, changes } };
}

export function isEmpty(writes: Writes): boolean {
  return writes.rows.length === 0 && writes.changes.length === 0;
}
