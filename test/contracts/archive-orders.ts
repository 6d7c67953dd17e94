// Segments of one conversation, with edits of edits and deletions, in generated orders: repeated, cut off in the middle of a
// write, from before or after a deletion changed them. Rows end as in the order of seq.
import fc from "fast-check";
import { expect, test } from "vitest";
import { decideMissing, isEmpty, planSegmentWrites, type SealedEvent, type Writes } from "../../archiver/plan.ts";
import type { StoredRow } from "../../archiver/rows.ts";
import type { ArchiveStore } from "../../archiver/stores/store.ts";
import { contentText, ERASED_SALT, type SegmentEvent } from "../../protocol/segment.ts";
import { conversationId, type Draft, run, text } from "../archiver/segments.ts";
import { size } from "../sizes.ts";

const YEARS_7 = 220_752_000;
/** Over the end of a month, and over the border of a hot one's parts. */
const AT = Date.UTC(2026, 10, 30, 23, 59, 50);
const FROM_SEQ = 16_384 - 8;

type Doing = "send" | { edit: number } | { remove: number };

interface History {
  /** As sealed before any deletion. */
  before: SegmentEvent[];
  /** As sealed after all of them. */
  after: SegmentEvent[];
  erased: Set<string>;
}

/** What a conversation makes of these: nothing happens to what is deleted. */
function historyOf(conversation: string, doings: readonly Doing[]): History {
  const before: SegmentEvent[] = [];
  const deletedBy = new Map<string, SegmentEvent>();
  const left = new Map<string, Record<string, unknown>>();
  for (const doing of doings) {
    const add = (draft: Draft) => {
      const event = run([draft], { conversation, at: AT + before.length * 1_000, fromSeq: FROM_SEQ + before.length })[0] as SegmentEvent;
      before.push(event);
      return event;
    };
    if (doing === "send") add(text(`planted ${before.length}`));
    else {
      const messages = before.filter((event) => event.type === "msg" && !deletedBy.has(event.msg_id));
      const target = messages[("edit" in doing ? doing.edit : doing.remove) % messages.length];
      if (target === undefined) continue;
      const aim = { target_msg_id: target.msg_id, target_seq: target.seq };
      if ("edit" in doing) add({ type: "edit", ...aim, content: `planted ${before.length} edited` });
      else {
        const edits = before.filter((event) => event.type === "edit" && event.target_msg_id === target.msg_id);
        const deletion = add({ type: "delete", ...aim });
        for (const event of [target, ...edits]) {
          deletedBy.set(event.msg_id, deletion);
          left.set(event.msg_id, event.type === "edit" ? { ...aim, content: "" } : { content: "", content_type: "text" });
        }
        const erases = [target, ...edits].map(({ msg_id }) => ({ msg_id, body: left.get(msg_id) as Record<string, unknown> }));
        before[before.length - 1] = { ...deletion, erases } as SegmentEvent;
      }
    }
  }
  const after = before.map((event) => {
    const deletion = deletedBy.get(event.msg_id);
    return deletion === undefined ? event : ({ ...event, ...left.get(event.msg_id), salt: ERASED_SALT, erased: deletion.msg_id } as SegmentEvent);
  });
  return { before, after, erased: new Set(deletedBy.keys()) };
}

const sealed = (events: readonly SegmentEvent[]): SealedEvent[] => events.map((event) => ({ event, body: contentText(event) }));
const planOf = (events: readonly SegmentEvent[]) => planSegmentWrites((events[0] as SegmentEvent).conversation_id, sealed(events), YEARS_7, Date.now());

/**
 * What an archiver does with a segment. `part`: it dies when so much of what is missing is written, in whatever order. `blind`:
 * what it read is from before all the others wrote.
 */
async function archive(store: ArchiveStore, events: readonly SegmentEvent[], part: number, blind = false): Promise<void> {
  const plan = planOf(events);
  const missing = decideMissing(plan, blind ? [] : await store.readBack(plan));
  if (missing.kind === "conflict") throw new Error(`${missing.message_id} conflicts in ${missing.field}`);
  const { rows, changes, conversation_id } = missing.writes;
  const written: Writes = part >= 1 ? missing.writes
    : { conversation_id, rows: rows.filter((_, i) => (i * 7) % 10 < part * 10), changes: changes.filter((_, i) => (i * 3) % 10 < part * 10) };
  if (!isEmpty(written)) await store.write(written);
  if (part < 1) return;
  const still = decideMissing(plan, await store.readBack(plan));
  if (still.kind === "conflict") throw new Error(`${still.message_id} conflicts in ${still.field}`);
  expect(isEmpty(still.writes)).toBe(true);
}

const doing: fc.Arbitrary<Doing> = fc.oneof(
  { weight: 4, arbitrary: fc.constant("send" as const) },
  { weight: 4, arbitrary: fc.record({ edit: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ remove: fc.nat(20) }) },
);
/** Which segment, whether its copy from before the deletions, and how much of it is written. */
const visit = fc.record({ segment: fc.nat(20), old: fc.boolean(), blind: fc.boolean(), part: fc.constantFrom(0.2, 0.5, 0.8, 1) });

export function archiveOrdersContract(of: () => { store: ArchiveStore; conversation: string }): void {
  test("[B8 B9 C10] whatever order segments come in, how often, and where a write is cut off, rows end as in the order of seq", async () => {
    const { store, conversation } = of();
    let count = 0;
    const property = fc.asyncProperty(
      fc.array(doing, { minLength: 3, maxLength: 20 }), fc.integer({ min: 1, max: 5 }), fc.array(visit, { maxLength: 8 }), fc.array(visit, { maxLength: 4 }), fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      async (doings, length, visits, late, random) => {
        const name = `${conversation} ${(count += 1)}`;
        const shownIn = async (history: History) => (await store.readBack(planOf(history.after))).toSorted((a, b) => (a.message_id < b.message_id ? -1 : 1))
          .map(({ event, content, status, changed_at, held }: StoredRow) => ({ content, status, changed_at, held, seq: event?.seq, body: event?.body, salt: event?.salt, hash: event?.content_hash }));
        const straight = historyOf(conversationId(`${name} straight`), ["send", ...doings]);
        const mixed = historyOf(conversationId(`${name} mixed`), ["send", ...doings]);
        const cut = (events: readonly SegmentEvent[]) => Array.from({ length: Math.ceil(events.length / length) }, (_, i) => events.slice(i * length, (i + 1) * length));
        for (const events of cut(straight.after)) await archive(store, events, 1);
        const [old, anew] = [cut(mixed.before), cut(mixed.after)];
        for (const { segment, old: first, part, blind } of visits) {
          const given = (first ? old : anew)[segment % anew.length] as SegmentEvent[];
          await archive(store, given, part, blind);
        }
        const last = anew.map((events) => ({ events, at: random.next().value as number })).toSorted((a, b) => a.at - b.at);
        for (const { events } of last) await archive(store, events, 1);
        // A slow one's writes, from before all that.
        for (const { segment, old: first, part } of late) await archive(store, ((first ? old : anew)[segment % anew.length]) as SegmentEvent[], Math.min(part, 0.8), true);
        const salts = (history: History) => history.after.map((event) => event.salt);
        const rows = await shownIn(mixed);
        // Ids, and with them clocks, salts and hashes, are each conversation's own.
        const shape = (list: Awaited<ReturnType<typeof shownIn>>) => list.map(({ content, status, seq, held }) => ({ content, status, seq, held }));
        expect(shape(rows)).toEqual(shape(await shownIn(straight)));
        expect(rows.map(({ salt }) => salt)).toEqual(salts(mixed));
        expect(rows.map(({ hash }) => hash)).toEqual(mixed.before.map((event) => event.content_hash));
        expect(rows.map(({ body }) => body)).toEqual(mixed.after.map((event) => contentText(event)));
        const gone = mixed.before.filter((event) => mixed.erased.has(event.msg_id)).map((event) => ("content" in event ? `"${event.content}"` : ""));
        for (const content of gone) expect(JSON.stringify(rows)).not.toContain(content);
      },
    );
    await fc.assert(property, { numRuns: size(`orders of segments, ${store.kind}`, store.kind === "sqlite" ? 120 : 12, store.kind === "sqlite" ? 5_000 : 300) });
  });
}
