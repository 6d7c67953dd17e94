// What a hold and its release do to archived rows, whatever comes in between.
import { expect, test } from "vitest";
import { hold, release } from "../../archiver/holding.ts";
import type { HoldKind } from "../../archiver/stores/holds.ts";
import type { ArchiveStore } from "../../archiver/stores/store.ts";
import { EVENT_STEP_US } from "../../domain/clock.ts";
import { msgIdAt, clockOf } from "../../protocol/msg-id.ts";
import { ERASED_SALT, type SegmentEvent } from "../../protocol/segment.ts";
import { archiveThrough } from "../archiver/archiving.ts";
import { conversationId, type Draft, run, sealed, text } from "../archiver/segments.ts";
import { planOf, readAll } from "./archive-store.ts";

const AT = Date.UTC(2026, 10, 20, 12);
const DAY_MS = 86_400_000;
const YEARS_7 = 220_752_000;
const OVER = AT + YEARS_7 * 1_000 + DAY_MS;

export interface HoldsWorld {
  open: (options: { retentionS?: number; now?: () => number }) => Promise<ArchiveStore>;
  conversation: string;
}

let people = 0;

export function archiveHoldsContract(of: () => HoldsWorld): void {
  const from = (sender_id: string, content: string): Draft => ({ ...text(content), sender_id });
  const newPerson = () => `person-${(people += 1)}-${process.pid}-${Date.now()}`;
  const holding = (store: ArchiveStore, now = Date.now) => ({ store, now, progress: () => undefined });
  const place = (kind: HoldKind, id: string, store: ArchiveStore) => hold(kind, id, null, holding(store));
  const lift = (kind: HoldKind, id: string, store: ArchiveStore) => release(kind, id, holding(store));
  const heldOf = async (store: ArchiveStore, events: readonly SegmentEvent[]) => {
    const rows = await store.readBack(planOf(events));
    return events.map((event) => rows.find((row) => row.message_id === event.msg_id)?.held);
  };
  const all = (events: readonly SegmentEvent[], held: boolean) => events.map(() => held);
  const archive = (store: ArchiveStore, events: SegmentEvent[], now: () => number = Date.now) => archiveThrough(store, events, { retentionS: YEARS_7, now });

  test("[B6] a held conversation's rows have no end, and are there past their retention; released they have their own again, and are gone", async () => {
    const { open, conversation } = of();
    const [store, late] = [await open({}), await open({ now: () => OVER })];
    const events = run(Array.from({ length: 250 }, (_, i) => text(`${i}`)), { conversation, at: AT });
    await archive(store, events);
    expect(await heldOf(store, events)).toEqual(all(events, false));
    expect(await readAll(late, events)).toEqual([]);
    expect(await place("conversation", conversation, store)).toBe(250);
    expect(await heldOf(store, events)).toEqual(all(events, true));
    expect(await readAll(late, events)).toEqual(events);
    expect(await place("conversation", conversation, store)).toBe(0);
    expect(await lift("conversation", conversation, store)).toBe(250);
    expect(await heldOf(store, events)).toEqual(all(events, false));
    expect(await readAll(store, events)).toEqual(events);
    expect(await readAll(late, events)).toEqual([]);
    expect(await lift("conversation", conversation, store)).toBeNull();
    expect(await store.holds()).not.toContainEqual(expect.objectContaining({ id: conversation }));
  });

  test("[B6] a release past the retention ends the rows at once", async () => {
    const { open, conversation } = of();
    const late = await open({ now: () => OVER });
    const events = run([text("kept")], { conversation, at: AT });
    await late.commitHold({ kind: "conversation", id: conversation, reason: "claim 7", created_at: AT, state: "held", place: null, rows: 0 });
    await archive(late, events, () => OVER);
    expect(await readAll(late, events)).toEqual(events);
    await release("conversation", conversation, holding(late, () => OVER));
    expect(await readAll(late, events)).toEqual([]);
    await expect.poll(async () => (await late.readBack(planOf(events))).length, { timeout: 5_000, interval: 100 }).toBe(0);
  });

  test("[B6] a held user's rows are kept in every conversation, nobody else's; what comes later is held when it comes", async () => {
    const { open, conversation } = of();
    const store = await open({});
    const [kept, other] = [newPerson(), newPerson()];
    const second = conversationId(`${conversation} second`);
    const mixed = (id: string, fromSeq: number) => run([from(kept, "a"), from(other, "b"), from(kept, "c")], { conversation: id, at: AT + fromSeq, fromSeq });
    const [one, two, later] = [mixed(conversation, 1), mixed(second, 1), mixed(second, 4)];
    await archive(store, one);
    await archive(store, two);
    expect(await place("user", kept, store)).toBe(4);
    await archive(store, later);
    for (const events of [one, two, later]) expect(await heldOf(store, events)).toEqual([true, false, true]);
    expect(await lift("user", kept, store)).toBe(6);
    for (const events of [one, two, later]) expect(await heldOf(store, events)).toEqual([false, false, false]);
  });

  test("[B6] of two holds on a row the other one goes on when one is released", async () => {
    const { open, conversation } = of();
    const store = await open({});
    const person = newPerson();
    const events = run([from(person, "a"), from(newPerson(), "b")], { conversation, at: AT });
    await archive(store, events);
    await place("conversation", conversation, store);
    await place("user", person, store);
    await lift("conversation", conversation, store);
    expect(await heldOf(store, events)).toEqual([true, false]);
    await place("conversation", conversation, store);
    await lift("user", person, store);
    expect(await heldOf(store, events)).toEqual([true, true]);
    await lift("conversation", conversation, store);
  });

  test.each(["hold", "release"] as const)("[B6] a %s at any moment of a segment's way ends as it says, crash or not", async (what) => {
    const { open, conversation } = of();
    const store = await open({});
    let reached = true;
    for (let at = 0; reached; at += 1) {
      for (const crash of [false, true]) {
        const id = conversationId(`${conversation} ${what} ${at} ${crash}`);
        const [first] = run([text("message")], { conversation: id, at: AT }) as [SegmentEvent];
        const events = [first, ...run([{ type: "edit", target_msg_id: first.msg_id, target_seq: 1, content: "edited" }, text("more")], { conversation: id, at: AT + 1_000, fromSeq: 2 })];
        if (what === "release") await place("conversation", id, store);
        reached = false;
        const between = async (step: number) => {
          if (step !== at) return;
          reached = true;
          await (what === "hold" ? place("conversation", id, store) : lift("conversation", id, store));
          if (crash) throw new Error("the archiver died");
        };
        await archiveThrough(store, events, { retentionS: YEARS_7, now: Date.now, between }).catch((error: Error) => expect(error.message).toBe("the archiver died"));
        if (crash) await archive(store, events);
        if (!reached) continue;
        expect([at, crash, await heldOf(store, events)]).toEqual([at, crash, all(events, what === "hold")]);
        expect(await readAll(store, events)).toEqual(events);
      }
    }
  });

  test("[B6] an edit, and a deletion that takes the content, show in held rows, before, between and after holds", async () => {
    const { open, conversation } = of();
    const store = await open({});
    const [first, other] = run([text("planted"), text("other")], { conversation, at: AT }) as [SegmentEvent, SegmentEvent];
    const aim = { target_msg_id: first.msg_id, target_seq: 1 };
    // As near to what they change as events can be.
    const follow = (event: SegmentEvent, draft: Draft, seq: number) => {
      const msg_id = msgIdAt(clockOf(event.msg_id) + EVENT_STEP_US, Buffer.alloc(8, seq));
      return sealed({ ...event, ...draft, msg_id, seq } as SegmentEvent);
    };
    const edit = follow(other, { type: "edit", ...aim, content: "planted, edited" }, 3);
    const deletion = { ...follow(edit, { type: "delete", ...aim }, 4), erases: [
      { msg_id: first.msg_id, body: { content: "", content_type: "text" } }, { msg_id: edit.msg_id, body: { ...aim, content: "" } },
    ] } as SegmentEvent;
    // The clock that a row shows stays its event's, whatever its write time is now: audits and replays compare it.
    const shown = async () => {
      const [row] = await store.readBack(planOf([first]));
      const [scanned] = await store.scan(conversation, row?.bucket ?? "", null, 1);
      expect(scanned?.changed_at).toBe(row?.changed_at);
      return row;
    };
    await archive(store, [first, other]);
    for (let i = 0; i < 3; i += 1) {
      await place("conversation", conversation, store);
      await lift("conversation", conversation, store);
    }
    await place("conversation", conversation, store);
    expect(await shown()).toMatchObject({ content: "planted", status: "SENT", held: true, changed_at: clockOf(first.msg_id) });
    await archive(store, [edit]);
    expect(await shown()).toMatchObject({ content: "planted, edited", status: "EDITED", held: true, changed_at: clockOf(edit.msg_id) });
    for (let i = 0; i < 3; i += 1) {
      await lift("conversation", conversation, store);
      await place("conversation", conversation, store);
    }
    expect(await shown()).toMatchObject({ content: "planted, edited", status: "EDITED", held: true, changed_at: clockOf(edit.msg_id) });
    await archive(store, [deletion]);
    const events = [first, other, edit, deletion];
    expect(await heldOf(store, events)).toEqual(all(events, true));
    expect(await shown()).toMatchObject({ content: "", status: "DELETED", event: { salt: ERASED_SALT } });
    await lift("conversation", conversation, store);
    expect(await heldOf(store, events)).toEqual(all(events, false));
    expect(await shown()).toMatchObject({ content: "", status: "DELETED", event: { salt: ERASED_SALT } });
    expect(JSON.stringify(await store.readBack(planOf([first, other, edit])))).not.toContain("planted");
  });

  test("[B6] a hold and a release that are stopped anywhere go on where they were, and page by page", async () => {
    const { open, conversation } = of();
    const store = await open({});
    const events = run(Array.from({ length: 650 }, (_, i) => text(`${i}`)), { conversation, at: Date.UTC(2026, 10, 30, 23, 59), step: 200 });
    await archive(store, events);
    const stopping = (pages: number) => {
      let left = pages;
      return { store, now: Date.now, progress: () => {
        left -= 1;
        if (left < 0) throw new Error("stopped");
      } };
    };
    for (const [work, state, held] of [
      [(pages: number) => hold("conversation", conversation, "claim 7", stopping(pages)), "applying", true],
      [(pages: number) => release("conversation", conversation, stopping(pages)), "releasing", false],
    ] as const) {
      // November is three full pages and one more look, December four: the work stops with its second.
      await expect(work(5)).rejects.toThrow("stopped");
      const standing = (await store.holds()).find((found) => found.id === conversation);
      expect(standing).toMatchObject({ kind: "conversation", state, reason: "claim 7" });
      expect((await heldOf(store, events)).filter((row) => row === held)).toHaveLength(500);
      await work(2);
      expect(await heldOf(store, events)).toEqual(all(events, held));
    }
    expect(await readAll(store, events)).toEqual(events);
  });

  test("[B6] who holds and who releases at once end as holds say", async () => {
    const { open, conversation } = of();
    const [store, other] = [await open({}), await open({})];
    const person = newPerson();
    const events = run(Array.from({ length: 300 }, (_, i) => from(person, `${i}`)), { conversation, at: AT });
    await archive(store, events);
    for (let round = 0; round < 3; round += 1) {
      await place("user", person, store);
      await Promise.all([lift("user", person, store), place("conversation", conversation, other)]);
      expect(await heldOf(store, events)).toEqual(all(events, true));
      await Promise.all([lift("conversation", conversation, store), place("user", person, other)]);
      expect(await heldOf(store, events)).toEqual(all(events, true));
      await lift("user", person, store);
      expect(await heldOf(store, events)).toEqual(all(events, false));
    }
  });
}
