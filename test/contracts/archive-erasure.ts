// What a deletion does to archived rows, in every order in which segments and their older copies may come.
import { expect, test } from "vitest";
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

  test("[C10] a ledger entry gives way to the segment that a deletion has changed, and to no other", async () => {
    const { store, conversation } = of();
    const given = deleted(conversation);
    const entry = (events: SegmentEvent[]) => {
      const { format: _, ...head } = segment(events).head;
      return { ...head, archived_at: AT };
    };
    const [old, anew] = [entry(given.before), entry(given.after)];
    const end = Math.floor(Date.now() / 1_000) + 10_000;
    await store.record(old, end);
    expect((await store.record(anew, end)).sha256).toBe(old.sha256);
    expect((await store.record(anew, end, "0".repeat(64))).sha256).toBe(old.sha256);
    expect((await store.record(anew, end, old.sha256)).sha256).toBe(anew.sha256);
    expect((await store.ledger(old))?.sha256).toBe(anew.sha256);
  });
}
