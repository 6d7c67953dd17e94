// What every store keeps of segments and epochs, and how an audit reads it. Part of the store contract.
import { expect, test } from "vitest";
import { planSegmentWrites } from "../../archiver/plan.ts";
import type { ArchiveStore, LedgerEntry } from "../../archiver/stores/store.ts";
import { bucketOf } from "../../protocol/msg-id.ts";
import { contentText, type SegmentEvent } from "../../protocol/segment.ts";
import { conversationId, run, text } from "../archiver/segments.ts";

const AT = Date.UTC(2026, 10, 20, 12);
const FAR = Math.floor(Date.now() / 1_000) + 100_000_000;
const hash = (digit: string) => digit.repeat(64);
const id = (n: number) => `019d0000-0000-7000-8000-${String(n).padStart(12, "0")}`;

export function archiveLedgerContract(given: () => { store: ArchiveStore; conversation: string }): void {
  const entry = (from_seq: number, to_seq: number, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
    conversation_id: given().conversation, epoch: 1, from_seq, to_seq, count: to_seq - from_seq + 1, sha256: hash("a"), archived_at: AT, ...more,
  });
  const CHAINED = { chain_before: hash("b"), chain: hash("c"), first_id: id(1), last_id: id(9), pair: ["ann", "bob"] as [string, string] };

  test("[C14] the ledger keeps a segment's chain, ids and pair, and has none where it was told of none", async () => {
    const { store } = given();
    expect(await store.record([{ entry: entry(1, 9, CHAINED), expiresAt: FAR }])).toEqual([entry(1, 9, CHAINED)]);
    await store.record([{ entry: entry(10, 19), expiresAt: FAR }]);
    expect(await store.ledger(entry(1, 9))).toEqual(entry(1, 9, CHAINED));
    expect(await store.ledger(entry(10, 19))).toEqual(entry(10, 19));
    // The first of a key wins.
    expect(await store.record([{ entry: entry(1, 9, { ...CHAINED, chain: hash("d") }), expiresAt: FAR }])).toEqual([entry(1, 9, CHAINED)]);
    await store.replace({ entry: entry(10, 19, { ...CHAINED, sha256: hash("e") }), expiresAt: FAR }, hash("a"));
    expect(await store.ledger(entry(10, 19))).toEqual(entry(10, 19, { ...CHAINED, sha256: hash("e") }));
  });

  test("[B9] of segments that are recorded together each that is there already stays, and the others are there after", async () => {
    const { store, conversation } = given();
    await store.record([{ entry: entry(10, 19), expiresAt: FAR }]);
    const others = [entry(1, 9), entry(10, 19, { sha256: hash("e") }), entry(20, 29)];
    const standing = [entry(1, 9), entry(10, 19), entry(20, 29)];
    expect(await store.record(others.map((one) => ({ entry: one, expiresAt: FAR })))).toEqual(standing);
    const more = [entry(30, 39, CHAINED), entry(40, 49)];
    expect(await store.record(more.map((one) => ({ entry: one, expiresAt: FAR })))).toEqual(more);
    expect(await store.ledgerAfter(conversation, null, 10)).toEqual([...standing, ...more]);
  });

  test("[C14] the ledger is read in the order of epoch and seq, in pages, and backwards", async () => {
    const { store, conversation } = given();
    const entries = [entry(1, 9), entry(10, 19), entry(100, 109), entry(20, 29, { epoch: 2 })];
    for (const one of entries.toReversed()) await store.record([{ entry: one, expiresAt: FAR }]);
    expect(await store.ledgerAfter(conversation, null, 10)).toEqual(entries);
    expect(await store.ledgerAfter(conversation, entries[0] as LedgerEntry, 2)).toEqual(entries.slice(1, 3));
    expect(await store.ledgerBefore(conversation, entries[3] as LedgerEntry)).toEqual(entries[2]);
    expect(await store.ledgerBefore(conversation, entries[0] as LedgerEntry)).toBeNull();
    expect(await store.ledgerAfter(conversationId("unknown"), null, 10)).toEqual([]);
  });

  test("[C14] of an epoch that a restore began each part stays once it is written", async () => {
    const { store, conversation } = given();
    expect(await store.epochs(conversation)).toEqual([]);
    const begun = { epoch: 2, from_seq: null, begun_at: AT, completed_at: null };
    await store.recordEpoch(conversation, begun);
    expect(await store.epochs(conversation)).toEqual([begun]);
    await store.recordEpoch(conversation, { ...begun, from_seq: 21 });
    await store.recordEpoch(conversation, { ...begun, completed_at: AT + 5 });
    await store.recordEpoch(conversation, { ...begun, epoch: 3 });
    expect(await store.epochs(conversation)).toEqual([{ ...begun, from_seq: 21, completed_at: AT + 5 }, { ...begun, epoch: 3 }]);
  });

  test("[C14] rows are scanned as they stand, also one of which only an edit is there", async () => {
    const { store, conversation } = given();
    const events = run([text("one"), text("two"), text("three")], { conversation, at: AT });
    const [first, second, third] = events as [SegmentEvent, SegmentEvent, SegmentEvent];
    const edit = run([{ type: "edit", target_msg_id: second.msg_id, target_seq: 2, content: "edited" }], { conversation, at: AT + 1_000, fromSeq: 4 });
    const write = (some: readonly SegmentEvent[]) => store.write(planSegmentWrites(conversation, some.map((event) => ({ event, body: contentText(event) })), 220_752_000, Date.now()));
    await write([first, third]);
    await write(edit);
    const bucket = bucketOf(first.msg_id);
    expect(await store.buckets(conversation)).toEqual([bucket]);
    const rows = await store.scan(conversation, bucket, null, 10);
    expect(rows.map(({ message_id, seq, type, content, status }) => [message_id, seq, type, content, status])).toEqual([
      [first.msg_id, 1, "msg", "one", "SENT"], [second.msg_id, null, null, "edited", "EDITED"], [third.msg_id, 3, "msg", "three", "SENT"],
      [edit[0]?.msg_id, 4, "edit", null, null],
    ]);
    expect(rows[0]).toMatchObject({ epoch: 1, sender_id: "ann", created_at: first.sent_at, msg_no: 1, content_type: "text", body: contentText(first), salt: first.salt, content_hash: first.content_hash });
    expect(rows[1]).toMatchObject({ body: null, salt: null, content_hash: null, sender_id: null });
    expect((await store.scan(conversation, bucket, first.msg_id, 1)).map((row) => row.message_id)).toEqual([second.msg_id]);
  });

  test("[C14] every conversation that the ledger or the record of acknowledgements knows is named once", async () => {
    const { store, conversation } = given();
    const other = conversationId(`${conversation} acknowledged alone`);
    await store.record([{ entry: entry(1, 9), expiresAt: FAR }]);
    await store.record([{ entry: entry(10, 19), expiresAt: FAR }]);
    await store.reached(conversation, 1, 19);
    await store.reached(other, 1, 5);
    const named: string[] = [];
    for await (const one of store.conversations()) named.push(one);
    expect(named.filter((one) => one === conversation || one === other).toSorted()).toEqual([conversation, other].toSorted());
  });
}
