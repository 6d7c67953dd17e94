// One segment, straight through: read → check → write → read back → ledger → ack → delete.
// Whatever fails or dies between two steps, the object is still there, and the same steps end in the same rows.
// Invariant: nothing is acknowledged before it was read back, and nothing is deleted before it was acknowledged.
import type { SegmentHead } from "../protocol/segment.ts";
import type { Budget } from "./budget.ts";
import { checkSegment, type CheckedSegment, textBytesOf, WrongSegment } from "./checked-segment.ts";
import type { Edge } from "./edge.ts";
import { isOwed, readErasedSenders, withErasures } from "./erasures.ts";
import { settleFiles } from "./held-files.ts";
import { decideNeighbours, isStraggler } from "./neighbours.ts";
import { decideMissing, isEmpty, planSegmentWrites, type SealedEvent, type SegmentPlan, type Writes } from "./plan.ts";
import { isHeld, type StoredRow } from "./rows.ts";
import type { SegmentBucket, StoredObject } from "./s3.ts";
import { type ArchiveStore, type LedgerEntry, StoreUnavailable } from "./stores/store.ts";

/** A ledger entry outlives its rows by nothing, but lasts at least this long: the object may still be there. */
const LEDGER_MIN_S = 90 * 86_400;

/** What storing takes, without the way to it and back. */
export type StoringTools = Omit<ArchiveTools, "bucket" | "edge" | "texts">;

export interface ArchiveTools {
  bucket: SegmentBucket;
  store: ArchiveStore;
  edge: Pick<Edge, "ack" | "wrong" | "holdFiles">;
  retentionS: number;
  /** Unpacked bytes of segments in hand. */
  texts: Budget;
  /** ms */
  now: () => number;
  /** Called between steps; throws where the process is to stop. */
  checkpoint: () => void;
}

/** `rows`: written now; `present`: were there already; `expired`: past their retention and not written. */
export interface Archived {
  kind: "archived";
  head: SegmentHead;
  rows: number;
  present: number;
  expired: number;
  archived_seq: number;
}
/** `gone`: another archiver was faster. */
export type Outcome = Archived | { kind: "gone" };

function missingOf(plan: Writes, found: Awaited<ReturnType<ArchiveStore["readBack"]>>): Writes {
  const missing = decideMissing(plan, found);
  if (missing.kind === "conflict") throw new WrongSegment("rows", `${missing.message_id} is archived with another ${missing.field}`);
  return missing.writes;
}

/** `rows`: how many were not there yet; `found`: all of them, as they were read back. */
async function storeRows(plan: SegmentPlan, { store, checkpoint }: StoringTools): Promise<{ rows: number; found: StoredRow[] }> {
  const before = await store.readBack(plan);
  const missing = missingOf(plan, before);
  checkpoint();
  if (isEmpty(missing)) return { rows: 0, found: before };
  await store.write(missing);
  checkpoint();
  const found = await store.readBack(plan);
  const stillMissing = missingOf(plan, found);
  if (!isEmpty(stillMissing)) throw new StoreUnavailable(`${stillMissing.rows.length + stillMissing.changes.length} written rows were not read back`);
  checkpoint();
  return { rows: missing.rows.length, found };
}

/**
 * Holds are asked for after the rows were written and read back. Whoever holds or releases notes it first and looks for rows
 * then: so one of the two sees what the other did, whatever was under way.
 */
async function settleHolds(plan: SegmentPlan, found: readonly StoredRow[], { store, checkpoint }: StoringTools): Promise<void> {
  const senders = new Set(found.flatMap(({ event }) => (event === null ? [] : [event.sender_id])));
  const held = await store.readHeld(plan.conversation_id, senders);
  checkpoint();
  const others = found.filter((row) => row.held !== isHeld(held, row.event?.sender_id ?? null));
  if (others.length === 0) return;
  await store.settleRows(plan.conversation_id, others);
  checkpoint();
}

async function record({ head, events }: CheckedSegment, plan: SegmentPlan, known: LedgerEntry | null, { store, now }: StoringTools): Promise<void> {
  const { format: _, ...place } = head;
  const ids = { first_id: (events[0] as SealedEvent).event.msg_id, last_id: (events.at(-1) as SealedEvent).event.msg_id };
  const end = Math.max(plan.rows.at(-1)?.expires_at ?? 0, Math.floor(now() / 1_000) + LEDGER_MIN_S);
  const standing = await store.record({ ...place, ...ids, archived_at: now() }, end, known?.sha256 ?? null);
  requireSame(head, standing.sha256);
}

function requireSame(head: SegmentHead, sha256: string): void {
  if (sha256 !== head.sha256) throw new WrongSegment("ledger", `the ledger has this segment with the hash ${sha256}`);
}

/** Segments may come in any order: what is there of the ones before and behind must fit. */
async function checkNeighbours(head: SegmentHead, store: ArchiveStore): Promise<void> {
  const { conversation_id } = head;
  const [before, [after]] = await Promise.all([store.ledgerBefore(conversation_id, head), store.ledgerAfter(conversation_id, head, 1)]);
  const breaks = decideNeighbours(head, before, after ?? null);
  if (breaks !== null) throw new WrongSegment("chain", `the chain of this segment and of the ledger's segment ${breaks} do not fit`);
}

/** The events without what erased people wrote, stored and read back; also of who was erased while they were written. */
async function storeErased({ head, events }: CheckedSegment, tools: StoringTools): Promise<{ plan: SegmentPlan; rows: number }> {
  const { store, retentionS, now, checkpoint } = tools;
  const held = await store.readHeld(head.conversation_id, new Set(events.map(({ event }) => event.sender_id)));
  let stored = 0;
  for (let erased = await readErasedSenders(events, store); ;) {
    checkpoint();
    const plan = planSegmentWrites(head.conversation_id, withErasures(events, erased), retentionS, now(), held);
    const { rows, found } = await storeRows(plan, tools);
    await settleHolds(plan, found, tools);
    stored += rows;
    // Whoever erases notes it and then looks for rows: one of the two has seen the other.
    const since = await readErasedSenders(events, store);
    if ([...since].every(([user, until]) => erased.get(user) === until)) return { plan, rows: stored };
    erased = since;
  }
}

/** What a segment needs in the store; without its acknowledgement. */
export async function storeSegment(segment: CheckedSegment, tools: StoringTools): Promise<Pick<Archived, "rows" | "present" | "expired">> {
  const { head, events } = segment;
  const known = await tools.store.ledger(head);
  tools.checkpoint();
  // A deletion changes a segment that waits: what was stored of it before is brought up to date.
  const changed = known !== null && known.sha256 !== head.sha256 && (await losesContent(events, tools.store));
  if (known !== null && !changed) {
    requireSame(head, known.sha256);
    return { rows: 0, present: head.count, expired: 0 };
  }
  await checkNeighbours(head, tools.store);
  tools.checkpoint();
  const { plan, rows } = await storeErased(segment, tools);
  await record(segment, plan, known, tools);
  tools.checkpoint();
  return { rows, present: plan.rows.length - rows, expired: plan.expired };
}

/** By a deletion that the segment knows of, or because its sender was erased. */
async function losesContent(events: CheckedSegment["events"], store: ArchiveStore): Promise<boolean> {
  if (events.some(({ event }) => event.erased !== undefined)) return true;
  const erased = await readErasedSenders(events, store);
  return events.some(({ event }) => isOwed(event, erased));
}

async function archiveObject(key: string, object: StoredObject | "too_large", tools: ArchiveTools): Promise<Outcome> {
  const { bucket, store, edge, checkpoint } = tools;
  checkpoint();
  const segment = await checkSegment(key, object);
  const { head } = segment;
  const epochs = await store.epochs(head.conversation_id);
  // What a restore did not find is not to turn up behind it under seqs that others have by now.
  if (isStraggler(head, epochs)) throw new WrongSegment("epoch", `epoch ${head.epoch} has ended: the conversation was restored with epoch ${epochs.at(-1)?.epoch}`);
  checkpoint();
  const counts = await storeSegment(segment, tools);
  if (edge.holdFiles !== undefined) await settleFiles(head, segment.events, store, edge.holdFiles.bind(edge));
  checkpoint();
  const { archived_seq, receipts = [] } = await edge.ack(head);
  checkpoint();
  if (receipts.length > 0) {
    await store.mergeReceipts(head.conversation_id, receipts);
    checkpoint();
  }
  await store.reached(head.conversation_id, head.epoch, archived_seq);
  checkpoint();
  await bucket.delete(key);
  return { kind: "archived", head, ...counts, archived_seq };
}

/**
 * Throws WrongSegment, StoreRefused or AckRefused for what concerns this segment only; StoreUnavailable,
 * BucketUnavailable or EdgeUnavailable for what concerns all.
 */
export async function archiveSegment(key: string, tools: ArchiveTools): Promise<Outcome> {
  const object = await tools.bucket.read(key);
  if (object === null) return { kind: "gone" };
  return tools.texts.hold(textBytesOf(object), () => archiveObject(key, object, tools));
}
