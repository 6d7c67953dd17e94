// What every archive store must do, whatever it stands on. Registered by test/archiver/*-store*.test.ts.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decideMissing, isEmpty, planSegmentWrites, type SealedEvent, type SegmentPlan } from "../../archiver/plan.ts";
import { eventOf, type EventRow } from "../../archiver/rows.ts";
import type { ArchiveStore, LedgerEntry, ReadRange } from "../../archiver/stores/store.ts";
import { bucketOf, clockOf } from "../../protocol/msg-id.ts";
import { contentText, type SegmentEvent } from "../../protocol/segment.ts";
import { archiveLedgerContract } from "./archive-ledger.ts";
import { archiveErasureContract } from "./archive-erasure.ts";
import { archiveHoldsContract } from "./archive-holds.ts";
import { archiveOrdersContract } from "./archive-orders.ts";
import { archiveReceiptsContract } from "./archive-receipts.ts";
import { conversationId, type Draft, EVERY_TYPE, run, text } from "../archiver/segments.ts";

/** A store of its own on the data that all stores of this suite share. `now` in ms. */
export type NewStore = (options: { retentionS: number; now: () => number }) => ArchiveStore;

const YEARS_7 = 220_752_000;
const DAY_MS = 86_400_000;
const NOVEMBER = Date.UTC(2026, 10, 20, 12);

const withBodies = (events: readonly SegmentEvent[]): SealedEvent[] => events.map((event) => ({ event, body: contentText(event) }));

export function planOf(events: readonly SegmentEvent[], retentionS = YEARS_7, now = Date.now()): SegmentPlan {
  return planSegmentWrites((events[0] as SegmentEvent).conversation_id, withBodies(events), retentionS, now);
}

/** One range per month that the events lie in. */
export function rangesOf(events: readonly SegmentEvent[]): ReadRange[] {
  return [...Map.groupBy(events, (event) => bucketOf(event.msg_id))].map(([bucket, group]) => ({
    bucket, first: (group[0] as SegmentEvent).msg_id, last: (group.at(-1) as SegmentEvent).msg_id,
  }));
}

/** All that a store has of these events' ranges, as events. */
export async function readAll(store: ArchiveStore, events: readonly SegmentEvent[]): Promise<SegmentEvent[]> {
  const conversation = (events[0] as SegmentEvent).conversation_id;
  const rows: EventRow[] = [];
  for (const range of rangesOf(events)) rows.push(...(await store.read(conversation, range, 100_000)));
  return rows.map((row) => eventOf(conversation, row));
}

let count = 0;

export function archiveStoreContract(name: string, newStore: NewStore): void {
  describe(name, () => {
    const opened: ArchiveStore[] = [];
    let store: ArchiveStore;
    let conversation: string;

    const open = async ({ retentionS = YEARS_7, now = Date.now } = {}): Promise<ArchiveStore> => {
      const made = newStore({ retentionS, now });
      opened.push(made);
      await made.open();
      return made;
    };

    beforeEach(async () => {
      count += 1;
      conversation = conversationId(`contract ${name} ${count} ${Date.now()}`);
      store = await open();
    });

    afterEach(async () => {
      await Promise.all(opened.splice(0).map((made) => made.close()));
    });

    const messages = (length: number, at = NOVEMBER) => run(Array.from({ length }, (_, i) => text(`message ${i + 1}`)), { conversation, at });
    const archive = (events: readonly SegmentEvent[]) => store.write(planOf(events));
    const shown = async (event: SegmentEvent) => {
      const [row] = await store.readBack(planOf([event]));
      return row === undefined ? null : { content: row.content, status: row.status, changed_at: row.changed_at };
    };
    const follow = (draft: Draft, after: readonly SegmentEvent[]) => {
      const last = after.at(-1) as SegmentEvent;
      return run([draft], { conversation, at: last.sent_at + 1_000, fromSeq: last.seq + 1 })[0] as SegmentEvent;
    };

    archiveErasureContract(() => ({ store, conversation }));
    archiveLedgerContract(() => ({ store, conversation }));
    archiveHoldsContract(() => ({ open, conversation }));
    archiveOrdersContract(() => ({ store, conversation }));
    archiveReceiptsContract(() => ({ open, conversation }));

    test("[B8] an event of every type reads back exactly as it was sealed, ascending", async () => {
      const events = run(EVERY_TYPE, { conversation, at: NOVEMBER });
      await archive(events);
      expect(await readAll(store, events)).toEqual(events);
      expect((await readAll(store, events)).map((event) => Object.keys(event).toSorted())).toEqual(events.map((event) => Object.keys(event).toSorted()));
    });

    test("[B8] a read-back of what was written finds nothing missing, one of what was not finds all", async () => {
      const plan = planOf(run(EVERY_TYPE, { conversation, at: NOVEMBER }));
      const before = decideMissing(plan, await store.readBack(plan));
      expect(before.kind === "missing" && before.writes.rows).toHaveLength(EVERY_TYPE.length);
      await store.write(plan);
      const after = decideMissing(plan, await store.readBack(plan));
      expect(after.kind === "missing" && isEmpty(after.writes)).toBe(true);
    });

    test("[B9] the same batch written twice leaves the same rows", async () => {
      const events = messages(250);
      await archive(events);
      const once = await store.readBack(planOf(events));
      await archive(events);
      expect(await store.readBack(planOf(events))).toEqual(once);
      expect(await readAll(store, events)).toEqual(events);
    });

    test("[B9] two archivers writing at once leave the same rows", async () => {
      const events = messages(250);
      const other = await open();
      await Promise.all([archive(events), other.write(planOf(events)), archive(events.slice(100))]);
      expect(await readAll(store, events)).toEqual(events);
      expect(await store.readBack(planOf(events))).toHaveLength(250);
    });

    test("[B9] another content in a row's place is found, and what stands there stays", async () => {
      const events = messages(3);
      await archive(events);
      const others = run([text("message 1"), text("forged"), text("message 3")], { conversation, at: NOVEMBER });
      expect(decideMissing(planOf(others), await store.readBack(planOf(others)))).toMatchObject({ kind: "conflict", message_id: events[1]?.msg_id });
      expect(await readAll(store, events)).toEqual(events);
    });

    test("[B16] a run across a month's end lies in both buckets and reads in order", async () => {
      const events = run(Array.from({ length: 10 }, (_, i) => text(`${i}`)), { conversation, at: Date.UTC(2026, 10, 30, 23, 59, 55), step: 1_000 });
      await archive(events);
      expect(await store.buckets(conversation)).toEqual(["2026-11", "2026-12"]);
      expect(rangesOf(events).map((range) => range.bucket)).toEqual(["2026-11", "2026-12"]);
      expect(await readAll(store, events)).toEqual(events);
      const [november, december] = rangesOf(events) as [ReadRange, ReadRange];
      expect(await store.read(conversation, november, 100)).toHaveLength(5);
      expect(await store.read(conversation, december, 100)).toHaveLength(5);
    });

    test("[B16] a range has both its ends and no more than the limit", async () => {
      const events = messages(20);
      await archive(events);
      const range = { bucket: "2026-11", first: events[4]?.msg_id as string, last: events[14]?.msg_id as string };
      expect((await store.read(conversation, range, 100)).map((row) => row.seq)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
      expect((await store.read(conversation, range, 3)).map((row) => row.seq)).toEqual([5, 6, 7]);
    });

    test("[B16] what is not stored is not there", async () => {
      const events = messages(3);
      await archive(events);
      const range = { bucket: "2026-11", first: events[0]?.msg_id as string, last: events[2]?.msg_id as string };
      expect(await store.read(conversationId("somebody else's"), range, 100)).toEqual([]);
      expect(await store.read(conversation, { ...range, bucket: "2026-10" }, 100)).toEqual([]);
      expect(await store.buckets(conversationId("somebody else's"))).toEqual([]);
    });

    test("[B8] an edit shows in its message's row, whose event stays as it was sealed", async () => {
      const sent = messages(2);
      const [target] = sent as [SegmentEvent];
      const edit = follow({ type: "edit", target_msg_id: target.msg_id, target_seq: 1, content: "better" }, sent);
      await archive(sent);
      expect(await shown(target)).toEqual({ content: "message 1", status: "SENT", changed_at: clockOf(target.msg_id) });
      await archive([edit]);
      expect(await shown(target)).toEqual({ content: "better", status: "EDITED", changed_at: clockOf(edit.msg_id) });
      expect(await readAll(store, [...sent, edit])).toEqual([...sent, edit]);
    });

    test("[B9] edits and a deletion end the same in whatever order, and however often, they are written", async () => {
      const sent = messages(1);
      const [target] = sent as [SegmentEvent];
      const first = follow({ type: "edit", target_msg_id: target.msg_id, target_seq: 1, content: "first" }, sent);
      const second = follow({ type: "edit", target_msg_id: target.msg_id, target_seq: 1, content: "zzz second" }, [first]);
      const removal = follow({ type: "delete", target_msg_id: target.msg_id, target_seq: 1 }, [second]);
      for (const event of [removal, second, target, first, target, removal]) await archive([event]);
      expect(await shown(target)).toEqual({ content: "", status: "DELETED", changed_at: clockOf(removal.msg_id) });
      expect(await readAll(store, [target, first, second, removal])).toEqual([target, first, second, removal]);
    });

    test("[B9] an edit that comes before its message makes no event of it, and is kept when the message comes", async () => {
      const sent = messages(2);
      const [target] = sent as [SegmentEvent];
      const edit = follow({ type: "edit", target_msg_id: target.msg_id, target_seq: 1, content: "early" }, sent);
      await archive([edit]);
      expect(await readAll(store, [...sent, edit])).toEqual([edit]);
      await archive(sent);
      expect(await shown(target)).toMatchObject({ content: "early", status: "EDITED" });
      expect(await readAll(store, [...sent, edit])).toEqual([...sent, edit]);
    });

    test("[B8] a message and its edit in one segment end as edited", async () => {
      const sent = messages(2);
      const edit = follow({ type: "edit", target_msg_id: (sent[1] as SegmentEvent).msg_id, target_seq: 2, content: "edited" }, sent);
      const plan = planOf([...sent, edit]);
      await store.write(plan);
      expect(await shown(sent[1] as SegmentEvent)).toMatchObject({ content: "edited", status: "EDITED" });
      const missing = decideMissing(plan, await store.readBack(plan));
      expect(missing.kind === "missing" && isEmpty(missing.writes)).toBe(true);
    });

    const entry = (more: Partial<LedgerEntry> = {}): LedgerEntry => ({
      conversation_id: conversation, epoch: 1, from_seq: 1, to_seq: 256, count: 256, sha256: "a".repeat(64), archived_at: NOVEMBER, ...more,
    });
    const nextYear = Math.floor(Date.now() / 1_000) + 365 * 86_400;

    test("[B9] the ledger keeps the first entry of a segment", async () => {
      expect(await store.ledger(entry())).toBeNull();
      expect(await store.record([{ entry: entry(), expiresAt: nextYear }])).toEqual([entry()]);
      expect(await store.record([{ entry: entry({ sha256: "b".repeat(64), archived_at: NOVEMBER + 1 }), expiresAt: nextYear }])).toEqual([entry()]);
      expect(await store.ledger(entry())).toEqual(entry());
      expect(await store.ledger(entry({ epoch: 2 }))).toBeNull();
      expect(await store.ledger(entry({ to_seq: 255 }))).toBeNull();
    });

    test("[B9] of two archivers that record at once both see the same entry", async () => {
      const other = await open();
      const record = (by: ArchiveStore, one: LedgerEntry) => by.record([{ entry: one, expiresAt: nextYear }]);
      const answers = (await Promise.all([record(store, entry()), record(other, entry({ sha256: "b".repeat(64) }))])).flat();
      expect(answers[0]).toEqual(answers[1]);
      expect(await store.ledger(entry())).toEqual(answers[0]);
    });

    test("[B18] how far a conversation is archived never goes back", async () => {
      expect(await store.readReached(conversation, 1)).toBe(0);
      for (const seq of [256, 1_024, 512]) await store.reached(conversation, 1, seq);
      await store.reached(conversation, 2, 0);
      expect(await store.readReached(conversation, 1)).toBe(1_024);
      expect(await store.readReached(conversation, 2)).toBe(0);
    });

    test("[B6] a message is there at 7 years less a day, and absent at 7 years and a day", async () => {
      const at = NOVEMBER;
      const events = messages(5, at);
      const late = at + YEARS_7 * 1_000;
      const before = await open({ now: () => late - DAY_MS });
      await before.write(planOf(events, YEARS_7, late - DAY_MS));
      expect(await readAll(before, events)).toEqual(events);
      const after = await open({ now: () => late + DAY_MS });
      expect(await readAll(after, events)).toEqual([]);
      expect(planOf(events, YEARS_7, late + DAY_MS)).toMatchObject({ rows: [], expired: 5 });
    });

    test("[B6] a row ends when its retention does, and neither a replay nor an edit keeps it longer", async () => {
      const LIFE_S = 4;
      const at = Date.now();
      const short = await open({ retentionS: LIFE_S });
      const sent = messages(2, at);
      const edit = follow({ type: "edit", target_msg_id: (sent[0] as SegmentEvent).msg_id, target_seq: 1, content: "edited" }, sent);
      const plan = planOf([...sent, edit], LIFE_S);
      await short.write(plan);
      expect(await readAll(short, sent)).toEqual(sent);
      // A replay only counts as late once its TTL would be a smaller one.
      await expect.poll(() => Date.now() - at, { timeout: 5_000, interval: 100 }).toBeGreaterThan(1_500);
      await short.write(plan);
      await expect.poll(() => readAll(short, sent), { timeout: 10_000, interval: 100 }).toEqual([]);
      // One second of the event's own time, one of the TTL, both rounded.
      expect(Date.now() - at).toBeLessThan((LIFE_S + 2) * 1_000);
      await expect.poll(() => short.readBack({ ...plan, rows: plan.rows.slice(0, 2) }), { timeout: 3_000, interval: 100 }).toEqual([]);
    });

    test("[B9] opening twice at once, and again, is one opening", async () => {
      await Promise.all([store.open(), store.open()]);
      await store.open();
      await store.check();
    });
  });
}
