// What a segment's events become in a store, and what of it is missing there. Pure.
import { canonicalJson } from "../protocol/canonical.ts";
import { clockOf, bucketOf } from "../protocol/msg-id.ts";
import type { SegmentEvent } from "../protocol/segment.ts";
import { expiryOf, type Held, isErased, isHeld, NOBODY, rowOf, type EventRow, type NewRow, type StoredRow } from "./rows.ts";

/** An edit or deletion of a message, in the message's own row; a deletion also in the rows of its edits. */
export interface Change {
  bucket: string;
  message_id: string;
  /** "" for a deletion: never null, which would be a tombstone. */
  content: string;
  status: "EDITED" | "DELETED";
  /** µs: the clock of the edit or deletion, which is its write timestamp */
  changed_at: number;
  /** What is left of the event's body, where its content is gone; its salt goes with it. null: the body stays. */
  body: string | null;
  /** s since 1970: the message's own expiry, or an edited message would outlive its row; null: it is held */
  expires_at: number | null;
  /** First and last seq that the row may have: deletions don't say which seq an edit has. Without them: not known. */
  seqs?: [number, number];
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

/** Whose the message is that a deletion by somebody else is about is not known here: what then is not held is found after the write. */
function changesOf({ event, body }: SealedEvent, retentionS: number, held: Held): Change[] {
  const change = (messageId: string, by: string, seqs: [number, number], how: Pick<Change, "content" | "status" | "body">): Change => ({
    bucket: bucketOf(messageId), message_id: messageId, ...how, changed_at: clockOf(by), seqs,
    expires_at: isHeld(held, event.sender_id) ? null : expiryOf(messageId, retentionS),
  });
  const gone = { content: "", status: "DELETED" } as const;
  // Sealed after the deletion: an older copy of the segment may have brought the content here all the same.
  if (event.erased !== undefined) return [change(event.msg_id, event.erased, [event.seq, event.seq], { ...gone, body })];
  if (event.type !== "edit" && event.type !== "delete") return [];
  const target: [number, number] = [event.target_seq, event.target_seq];
  if (event.type === "edit") return [change(event.target_msg_id, event.msg_id, target, { content: event.content.toWellFormed(), status: "EDITED", body: null })];
  if (event.erases === undefined) return [change(event.target_msg_id, event.msg_id, target, { ...gone, body: null })];
  return event.erases.map((left) =>
    change(left.msg_id, event.msg_id, left.msg_id === event.target_msg_id ? target : [event.target_seq, event.seq], { ...gone, body: canonicalJson(left.body) }),
  );
}

/**
 * @param events ascending, of one conversation
 * @param now ms
 */
export function planSegmentWrites(conversationId: string, events: readonly SealedEvent[], retentionS: number, now: number, held = NOBODY): SegmentPlan {
  const lives = ({ expires_at }: { expires_at: number | null }) => expires_at === null || expires_at > now / 1_000;
  const rows = events.map(({ event, body }) => rowOf(event, body, retentionS, held)).filter(lives);
  const latest = new Map<string, Change>();
  for (const change of events.flatMap((event) => changesOf(event, retentionS, held))) {
    if (lives(change) && (latest.get(change.message_id)?.changed_at ?? 0) <= change.changed_at) latest.set(change.message_id, change);
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
  if (found.content !== undefined && found.content !== wanted.content) return { field: "content" };
  return found.status === wanted.status ? "same" : { field: "status" };
}

function compareRow(wanted: NewRow, found: StoredRow | undefined): Comparison {
  const event = found?.event ?? null;
  if (found === undefined || event === null) return "missing";
  // Whichever of the two is erased: what is left of a body is the deletion's to write, and to be compared with.
  const erased = isErased(event) || isErased(wanted);
  const field = FIELDS.find((name) => name in event && (event as EventRow)[name] !== wanted[name] && !(erased && (name === "body" || name === "salt")));
  if (field !== undefined) return { field };
  return erased ? "same" : compareShown(wanted, found);
}

function compareChange(wanted: Change, found: StoredRow | undefined): Comparison {
  if (found === undefined || (wanted.body !== null && found.event !== null && !isErased(found.event))) return "missing";
  // Until its edit is erased, nothing was ever shown in the row of one.
  return found.changed_at === null ? "missing" : compareShown(wanted, found);
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
    const result = compareChange(change, places.get(change.message_id));
    if (result === "missing") changes.push(change);
    else if (result !== "same") return { kind: "conflict", message_id: change.message_id, field: result.field };
  }
  return { kind: "missing", writes: { conversation_id: plan.conversation_id, rows, changes } };
}

export function isEmpty(writes: Writes): boolean {
  return writes.rows.length === 0 && writes.changes.length === 0;
}
