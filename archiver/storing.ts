// What segments become in the store: rows that are written and read back, without what erased people wrote and as holds have it,
// and their entries in the ledger.
import type { SegmentHead } from "../protocol/segment.ts";
import { type CheckedSegment, OtherCopy, WrongSegment } from "./checked-segment.ts";
import { isOwed, readErasedSenders, withErasures } from "./erasures.ts";
import { decideNeighbours } from "./neighbours.ts";
import { decideMissing, isEmpty, planSegmentWrites, type SealedEvent, type SegmentPlan, type Writes } from "./plan.ts";
import { isHeld, type NewRow, type StoredRow } from "./rows.ts";
import { type ArchiveStore, type LedgerEntry, type LedgerKey, type Recorded, StoreUnavailable } from "./stores/store.ts";

/** A ledger entry outlives its rows by nothing, but lasts at least this long: the object may still be there. */
const LEDGER_MIN_S = 90 * 86_400;

export interface StoringTools {
  store: ArchiveStore;
  retentionS: number;
  /** ms */
  now: () => number;
  /** Called between steps; throws where the process is to stop. */
  checkpoint: () => void;
}

/** Segments of one conversation and epoch, ascending: what they have in common is asked for and written once. */
export type Run = readonly [CheckedSegment, ...CheckedSegment[]];

/** `rows`: written now; `present`: were there already; `expired`: past their retention and not written. */
export interface Counts {
  rows: number;
  present: number;
  expired: number;
}

function missingOf(plan: Writes, found: Awaited<ReturnType<ArchiveStore["readBack"]>>): Writes {
  const missing = decideMissing(plan, found);
  if (missing.kind === "conflict") throw new WrongSegment("rows", `${missing.message_id} is archived with another ${missing.field}`);
  return missing.writes;
}

/** `rows`: those that were not there yet; `found`: all of them, as they were read back. */
async function storeRows(plan: SegmentPlan, { store, checkpoint }: StoringTools): Promise<{ rows: NewRow[]; found: StoredRow[] }> {
  const before = await store.readBack(plan);
  const missing = missingOf(plan, before);
  checkpoint();
  if (isEmpty(missing)) return { rows: [], found: before };
  await store.write(missing);
  checkpoint();
  const found = await store.readProof(plan);
  const stillMissing = missingOf(plan, found);
  if (!isEmpty(stillMissing)) throw new StoreUnavailable(`${stillMissing.rows.length + stillMissing.changes.length} written rows were not read back`);
  checkpoint();
  return { rows: missing.rows, found };
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

function entryOf({ head, events }: CheckedSegment, plan: SegmentPlan, now: number): Recorded {
  const { format: _, ...place } = head;
  const ids = { first_id: (events[0] as SealedEvent).event.msg_id, last_id: (events.at(-1) as SealedEvent).event.msg_id };
  const last = plan.rows.findLast(({ seq }) => isWithin(seq, head));
  return { entry: { ...place, ...ids, archived_at: now }, expiresAt: Math.max(last?.expires_at ?? 0, Math.floor(now / 1_000) + LEDGER_MIN_S) };
}

function isWithin(seq: number, { from_seq, to_seq }: Pick<SegmentHead, "from_seq" | "to_seq">): boolean {
  return seq >= from_seq && seq <= to_seq;
}

function requireSame(head: SegmentHead, standing: LedgerEntry): void {
  if (standing.sha256 === head.sha256) return;
  const isCopy = head.chain !== undefined && head.chain === standing.chain && head.chain_before === standing.chain_before;
  throw new (isCopy ? OtherCopy : WrongSegment)("ledger", `the ledger has this segment with the hash ${standing.sha256}`);
}

/** The ledger's entries within a run, the one before it and the one behind it. */
async function readLedger(run: Run, store: ArchiveStore): Promise<LedgerEntry[]> {
  const { head } = run[0];
  const last = (run.at(-1) as CheckedSegment).head;
  const limit = run.length + 1;
  const before = await store.ledgerBefore(head.conversation_id, head);
  const entries = before === null ? [] : [before];
  for (let after: Pick<LedgerEntry, "epoch" | "from_seq"> = { epoch: head.epoch, from_seq: head.from_seq - 1 }; ;) {
    const page = await store.ledgerAfter(head.conversation_id, after, limit);
    entries.push(...page);
    const end = page.at(-1);
    if (end === undefined || page.length < limit || end.epoch > last.epoch || end.from_seq > last.from_seq) return entries;
    after = end;
  }
}

/** Segments may come in any order: what is there of the ones before and behind must fit. */
function checkNeighbours(run: Run, ledger: readonly LedgerEntry[]): void {
  const heads = run.map(({ head }) => head);
  for (const head of heads) {
    const breaks = decideNeighbours(head, [...ledger, ...heads]);
    if (breaks !== null) throw new WrongSegment("chain", `the chain of this segment and of the segment ${breaks} do not fit`);
  }
}

/** The events without what erased people wrote, stored and read back; also of who was erased while they were written. */
async function storeErased(run: Run, tools: StoringTools): Promise<{ plan: SegmentPlan; written: Set<number> }> {
  const { store, retentionS, now, checkpoint } = tools;
  const { conversation_id } = run[0].head;
  const events = run.flatMap((segment) => segment.events);
  const held = await store.readHeld(conversation_id, new Set(events.map(({ event }) => event.sender_id)));
  const written = new Set<number>();
  for (let erased = await readErasedSenders(events, store); ;) {
    checkpoint();
    const plan = planSegmentWrites(conversation_id, withErasures(events, erased), retentionS, now(), held);
    const { rows, found } = await storeRows(plan, tools);
    await settleHolds(plan, found, tools);
    for (const { seq } of rows) written.add(seq);
    // Whoever erases notes it and then looks for rows: one of the two has seen the other.
    const since = await readErasedSenders(events, store);
    if ([...since].every(([user, until]) => erased.get(user) === until)) return { plan, written };
    erased = since;
  }
}

function countsOf({ head }: CheckedSegment, plan: SegmentPlan, written: ReadonlySet<number>): Counts {
  const planned = plan.rows.filter(({ seq }) => isWithin(seq, head));
  const rows = planned.filter(({ seq }) => written.has(seq)).length;
  return { rows, present: planned.length - rows, expired: head.count - planned.length };
}

async function storeFresh(run: Run, tools: StoringTools): Promise<Counts[]> {
  const { plan, written } = await storeErased(run, tools);
  const standing = await tools.store.record(run.map((segment) => entryOf(segment, plan, tools.now())));
  for (const [i, { head }] of run.entries()) requireSame(head, standing[i] as LedgerEntry);
  tools.checkpoint();
  return run.map((segment) => countsOf(segment, plan, written));
}

/** The ledger has it with another hash: that is so where a deletion has changed a segment that waited. */
async function storeChanged(segment: CheckedSegment, known: LedgerEntry, tools: StoringTools): Promise<Counts> {
  if (!(await losesContent(segment.events, tools.store))) requireSame(segment.head, known);
  const { plan, written } = await storeErased([segment], tools);
  const standing = await tools.store.replace(entryOf(segment, plan, tools.now()), known.sha256);
  requireSame(segment.head, standing);
  tools.checkpoint();
  return countsOf(segment, plan, written);
}

/** What segments need in the store; without their acknowledgement. */
export async function storeSegments(run: Run, tools: StoringTools): Promise<Counts[]> {
  const ledger = await readLedger(run, tools.store);
  tools.checkpoint();
  const known = new Map(run.map((segment) => [segment, ledger.find((entry) => isSamePlace(entry, segment.head))] as const));
  const [first, ...rest] = run.filter((segment) => known.get(segment) === undefined);
  const counts = new Map<CheckedSegment, Counts>();
  if (first !== undefined) {
    const fresh: Run = [first, ...rest];
    checkNeighbours(fresh, ledger);
    const stored = await storeFresh(fresh, tools);
    for (const [i, segment] of fresh.entries()) counts.set(segment, stored[i] as Counts);
  }
  for (const [segment, entry] of known) {
    if (entry?.sha256 === segment.head.sha256) counts.set(segment, { rows: 0, present: segment.head.count, expired: 0 });
    else if (entry !== undefined) {
      checkNeighbours([segment], ledger);
      counts.set(segment, await storeChanged(segment, entry, tools));
    }
  }
  return run.map((segment) => counts.get(segment) as Counts);
}

function isSamePlace(entry: LedgerKey, head: SegmentHead): boolean {
  return entry.epoch === head.epoch && entry.from_seq === head.from_seq && entry.to_seq === head.to_seq;
}

/** By a deletion that the segment knows of, or because its sender was erased. */
async function losesContent(events: CheckedSegment["events"], store: ArchiveStore): Promise<boolean> {
  if (events.some(({ event }) => event.erased !== undefined)) return true;
  const erased = await readErasedSenders(events, store);
  return events.some(({ event }) => isOwed(event, erased));
}
