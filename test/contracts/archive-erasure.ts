// What a deletion does to archived rows, in every order in which segments and their older copies may come.
import { expect, test } from "vitest";
import { sweepArchivedRows } from "../../archiver/erase/archived-rows.ts";
import { decideMissing, isEmpty } from "../../archiver/plan.ts";
import type { ArchiveStore } from "../../archiver/stores/store.ts";
import { ERASED_SALT, type SegmentEvent } from "../../protocol/segment.ts";
import { run, segment, text } from "../archiver/segments.ts";
import { planOf, readAll } from "./archive-store.ts";

const AT = Date.UTC(2026, 10, 20, 12);
const LEFT = { content: "", content_type: "text" };

/** A message, its edit, another message, and the deletion of the first; each as sealed before the deletion and after it. */
function deleted(conversation: string) {
  const [first, other] = run([text("planted"), text("stays")], { conversation, at: AT }) as [SegmentEvent, SegmentEvent];
  const aim = { target_msg_id: first.msg_id, target_seq: 1 };
  const [edit] = run([{ type: "edit", ...aim, content: "planted again" }], { conversation, at: AT + 1_000, fromSeq: 3 }) as [SegmentEvent];
  const [bare] = run([{ type: "delete", ...aim }], { conversation, at: AT + 2_000, fromSeq: 4 }) as [SegmentEvent];
  const deletion: SegmentEvent = { ...bare, erases: [{ msg_id: first.msg_id, body: LEFT }, { msg_id: edit.msg_id, body: { ...aim, content: "" } }] };
  const erased = (event: SegmentEvent): SegmentEvent => ({ ...event, content: "", salt: ERASED_SALT, erased: deletion.msg_id }) as SegmentEvent;
  return { before: [first, other, edit], after: [erased(first), other, erased(edit)], deletion, all: [first, other, edit, deletion] };
}

/** @param of the store and the conversation of the test that runs */
export function archiveErasureContract(of: () => { store: ArchiveStore; conversation: string }): void {
  const steps = (given: ReturnType<typeof deleted>): Record<string, SegmentEvent[][]> => ({
    "archived, then deleted": [given.before, [given.deletion]],
    "deleted while it waited": [given.after, [given.deletion]],
    "stored from an older copy, then from the one that was put again": [given.before, given.after, [given.deletion]],
    "stored from an older copy after the one that was put again": [given.after, given.before, [given.deletion]],
    "stored from an older copy after everything": [given.after, [given.deletion], given.before],
    "stored after its deletion": [[given.deletion], given.before],
    "in one segment with its deletion": [[...given.after, given.deletion]],
  });

  test.each(Object.keys(steps(deleted("g.x"))))("[C10] of a message that was %s no content is left, its hash is, and all else is as it was", async (how) => {
    const { store, conversation } = of();
    const given = deleted(conversation);
    const all = steps(given)[how] as SegmentEvent[][];
    for (const events of all) {
      const plan = planOf(events);
      const missing = decideMissing(plan, await store.readBack(plan));
      if (missing.kind === "conflict") throw new Error(`${missing.message_id} conflicts in ${missing.field}`);
      await store.write(missing.writes);
      // What the archiver asks before it acknowledges.
      const still = decideMissing(plan, await store.readBack(plan));
      expect(still.kind === "missing" && isEmpty(still.writes)).toBe(true);
    }
    const rows = await readAll(store, given.all);
    expect(JSON.stringify(rows)).not.toContain("planted");
    const [first, other, edit, deletion] = rows as [SegmentEvent, SegmentEvent, SegmentEvent, SegmentEvent];
    expect(first).toMatchObject({ ...LEFT, seq: 1, sender_id: "ann", salt: ERASED_SALT, content_hash: given.before[0]?.content_hash });
    expect(other).toEqual(given.before[1]);
    expect(edit).toMatchObject({ content: "", target_seq: 1, salt: ERASED_SALT, content_hash: given.before[2]?.content_hash });
    expect(deletion.content_hash).toBe(given.deletion.content_hash);
    const shown = await store.readBack(planOf(given.before));
    expect(shown.find((row) => row.message_id === first.msg_id)).toMatchObject({ content: "", status: "DELETED" });
    expect(JSON.stringify(shown)).not.toContain("planted");
  });

  test("[X6] who is erased is noted for good, until the latest time that was given", async () => {
    const { store, conversation } = of();
    const [gone, again, stays] = ["gone", "again", "stays"].map((name) => `${name}-${conversation}`) as [string, string, string];
    expect(await store.readErased([])).toEqual(new Map());
    await store.recordErased(gone, 1_000);
    for (const until of [2_000, 3_000, 1_000]) await store.recordErased(again, until);
    expect(await store.readErased([gone, again, stays])).toEqual(new Map([[gone, 1_000], [again, 3_000]]));
  });

  test("[X4] sweeping takes one sender's content up to a time out of all months; places, hashes and others' content stay, and a second sweep finds nothing", async () => {
    const { store, conversation } = of();
    const aim = { target_msg_id: "", target_seq: 1 };
    const months = [0, 31, 62].map((days) => AT - days * 86_400_000).toReversed();
    const events = months.flatMap((at, month) => {
      const fromSeq = month * 700 + 1;
      const drafts = Array.from({ length: 698 }, (_, i) => ({ ...text(`${i % 2 === 0 ? "planted" : "stays"} ${i}`), sender_id: i % 2 === 0 ? "ann" : "bob" }));
      const made = run(drafts, { conversation, at, fromSeq });
      const target = { ...aim, target_msg_id: (made[0] as SegmentEvent).msg_id, target_seq: fromSeq };
      return [...made, ...run([{ type: "edit", ...target, content: "planted again" }, { type: "react", ...target, emoji: "planted", on: true }], { conversation, at: at + 1_000, fromSeq: fromSeq + 698 })];
    });
    for (let i = 0; i < events.length; i += 500) await store.write(planOf(events.slice(i, i + 500)));
    const later = run([{ ...text("planted later"), sender_id: "ann" }], { conversation, at: AT + 60_000, fromSeq: 5_000 });
    await store.write(planOf(later));
    const sweep = { store, user_id: "ann", until: (AT + 30_000) * 1_000, retentionS: 220_752_000, now: Date.now, dryRun: true, checkpoint: () => undefined };
    expect(await sweepArchivedRows(conversation, sweep)).toBe(3 * 351);
    expect(await sweepArchivedRows(conversation, { ...sweep, dryRun: false })).toBe(3 * 351);
    expect(await sweepArchivedRows(conversation, sweep)).toBe(0);
    const rows = await readAll(store, events);
    expect(rows.map(({ seq, content_hash }) => [seq, content_hash])).toEqual(events.map(({ seq, content_hash }) => [seq, content_hash]));
    expect(rows.filter((row) => row.sender_id === "bob")).toEqual(events.filter((event) => event.sender_id === "bob"));
    expect(rows.filter((row) => row.sender_id === "ann").every((row) => row.salt === ERASED_SALT)).toBe(true);
    const shown = [];
    for (let i = 0; i < events.length; i += 500) shown.push(...(await store.readBack(planOf(events.slice(i, i + 500)))));
    expect(JSON.stringify([rows, shown])).not.toContain("planted");
    expect(await readAll(store, later)).toEqual(later);
  });

  test("[C10] a ledger entry gives way to the segment that a deletion has changed, and to no other", async () => {
    const { store, conversation } = of();
    const given = deleted(conversation);
    const entry = (events: SegmentEvent[]) => {
      const { format: _, ...head } = segment(events).head;
      return { ...head, archived_at: AT };
    };
    const [old, anew] = [entry(given.before), entry(given.after)];
    const end = Math.floor(Date.now() / 1_000) + 10_000;
    await store.record([{ entry: old, expiresAt: end }]);
    expect((await store.record([{ entry: anew, expiresAt: end }]))[0]?.sha256).toBe(old.sha256);
    expect((await store.replace({ entry: anew, expiresAt: end }, "0".repeat(64))).sha256).toBe(old.sha256);
    expect((await store.replace({ entry: anew, expiresAt: end }, old.sha256)).sha256).toBe(anew.sha256);
    expect((await store.ledger(old))?.sha256).toBe(anew.sha256);
  });
}
