// Pages of history as they are passed on, as text made of the stored rows: the same as the page of records, whatever was written,
// and the pages of any walk are all of it, once and in order.
import fc from "fast-check";
import { expect, test } from "vitest";
import { putMember } from "../../durable-objects/conversation/members.ts";
import { readHistory } from "../../durable-objects/conversation/history.ts";
import { fitting } from "../../domain/page.ts";
import { visibleRange } from "../../domain/membership.ts";
import { BATCH_BYTES, CONTENT_BYTES, HISTORY_PAGE_MAX, HISTORY_PAGE_UNITS, PAGE_MAX } from "../../protocol/limits.ts";
import type { HistoryQuery } from "../../protocol/rest.ts";
import { World } from "./changes-world.ts";

const USERS = ["ann", "bob", "cat"] as const;
type User = (typeof USERS)[number];

/** What JSON, JavaScript, HTML and UTF-8 take for something else, when it is not written as it must be. */
const HOSTILE = ["\u2028\u2029", "\"],\"next_cursor\":null}", "\\", "\\\"", "\ud800", "\udc00a", "\ud83d", "\u0000\u0001\u001f", "</script>", "\ufeff", "\ufffd", "💥".repeat(40), "\"".repeat(200), "{}", "", " "];
const text = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: "binary", maxLength: 40 }), fc.tuple(fc.constantFrom(...HOSTILE), fc.string({ unit: "grapheme" })).map((parts) => parts.join("")));
const user = fc.constantFrom(...USERS);
const nth = fc.nat(200);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("msg"), user, content: text, type: fc.constantFrom("text", "image"), answers: fc.option(nth) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("edit"), user, content: text, nth }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete"), user, nth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("react"), user, nth, emoji: fc.constantFrom("👍", "\"}", "\u2028", "\\") }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

function take(world: World, sent: Map<string, string>, given: Step): void {
  const member = world.state.members.has(given.user) ? given.user : "ann";
  const target = "nth" in given ? world.msgId(given.nth) : "answers" in given && given.answers !== null ? world.msgId(given.answers) : null;
  if (given.kind === "msg" && "content" in given && "type" in given) {
    const before = world.state.head.seq;
    world.append(member, { content: given.content, content_type: given.type, ...(target === null ? {} : { reply_to: target }) });
    if (world.state.head.seq > before) sent.set(world.store.readMsgId(world.state.head.seq) as string, given.content);
  } else if (given.kind === "edit" && "content" in given) world.append(member, { type: "edit", content: given.content, target_msg_id: target });
  else if (given.kind === "delete") world.append(member, { type: "delete", target_msg_id: target });
  else if ("emoji" in given) world.append(member, { type: "react", target_msg_id: target, emoji: given.emoji, on: true });
}

/** The page as text and as records, of which the one must be the other's JSON. */
function both(world: World, name: User, query: HistoryQuery): { text: string; events: { seq: number; type: string; msg_id: string; content: string }[]; next_cursor: string | null } {
  const stay = world.state.members.get(name);
  if (stay === undefined) throw new Error(`${name} is no member`);
  const [records, passed] = [false, true].map((asText) => readHistory(world.store, world.state, stay, query, null, asText));
  if (records?.ok !== true || passed?.ok !== true) throw new Error("the page was refused");
  const { events, next_cursor, as_of_seq } = records.page;
  expect(passed.page.events).toEqual([]);
  expect(JSON.parse(passed.page.text as string)).toEqual({ events, next_cursor, as_of_seq });
  expect(passed.page.next_cursor).toBe(next_cursor);
  return { text: passed.page.text as string, events: events as never, next_cursor };
}

function walk(world: World, name: User, query: Omit<HistoryQuery, "limit">, limits: readonly number[]): ReturnType<typeof both>[] {
  const pages: ReturnType<typeof both>[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    pages.push(both(world, name, { ...query, limit: limits[pages.length % limits.length] as number, ...(cursor === undefined ? {} : { cursor }) }));
    cursor = pages.at(-1)?.next_cursor;
  }
  return pages;
}

test("[B15] [D2] a page as text is the page of records, with what was sent to the letter, for who was there and who came later", () => {
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), fc.array(step, { maxLength: 40 }), fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (before, after, limits) => {
    const world = new World();
    const sent = new Map<string, string>();
    for (const given of before) take(world, sent, given);
    putMember(world.store, world.state, { actor_id: null, user_id: "cat", role: null }, world.now);
    for (const given of after) take(world, sent, given);
    const head = world.state.head.seq;
    for (const name of USERS) {
      const { from } = visibleRange(world.state.members.get(name) as never, world.state.record.history);
      const wanted = Array.from({ length: head - from + 1 }, (_, i) => from + i);
      for (const order of ["asc", "desc"] as const) {
        const pages = walk(world, name, { order }, limits);
        expect(pages.flatMap(({ events }) => events.map(({ seq }) => seq))).toEqual(order === "asc" ? wanted : wanted.toReversed());
        for (const page of pages) {
          // What goes out is UTF-8: a lone half of a pair would become something else.
          expect(page.text.isWellFormed()).toBe(true);
          for (const event of page.events) if (event.type === "msg" && !("edited_at" in event) && !("deleted_at" in event)) expect(event.content).toBe(sent.get(event.msg_id));
        }
      }
      for (const { events } of walk(world, name, { order: "asc", content_type: "image" }, limits)) for (const event of events) expect(event).toMatchObject({ content_type: "image" });
      for (const { events } of walk(world, name, { order: "desc", thread: world.msgId(head - 1) }, limits)) for (const event of events) expect(event).toMatchObject({ reply_to: world.msgId(head - 1) });
    }
  }), { numRuns: 60 });
});

const numbered = (count: number, units: number): World => {
  const world = new World();
  for (let i = 0; i < count; i += 1) world.append("ann", { content: "x".repeat(units), content_type: "text" });
  return world;
};

test("[D11] a page of the greatest length is read in runs and leaves nothing out", () => {
  const world = numbered(1_150, 10);
  for (const order of ["asc", "desc"] as const) {
    const pages = walk(world, "bob", { order }, [HISTORY_PAGE_MAX]);
    expect(pages.map(({ events }) => events.length)).toEqual([1_000, world.state.head.seq - 1_000]);
    const seqs = pages.flatMap(({ events }) => events.map(({ seq }) => seq));
    expect(order === "asc" ? seqs : seqs.toReversed()).toEqual(Array.from({ length: world.state.head.seq }, (_, i) => i + 1));
  }
});

test("[D11] of large messages a page holds what one call may carry, and beyond the usual length what is quickly sent", () => {
  const large = walk(numbered(60, CONTENT_BYTES), "bob", { order: "asc" }, [HISTORY_PAGE_MAX]);
  expect(large.flatMap(({ events }) => events)).toHaveLength(61);
  for (const page of large) expect(page.text.length * 3).toBeLessThan(BATCH_BYTES * 1.01);
  const middling = walk(numbered(250, 8_192), "bob", { order: "asc" }, [HISTORY_PAGE_MAX]);
  expect(middling[0]?.events).toHaveLength(PAGE_MAX);
  expect(middling.flatMap(({ events }) => events)).toHaveLength(251);
});

test("[D11] a page holds one event at least, and of those in the archive no more than the usual page", () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.constant(null), fc.nat(20_000), fc.nat(6 * CONTENT_BYTES)), { maxLength: 1_001 }), (sizes) => {
    const held = fitting(sizes);
    const sum = (taken: readonly (number | null)[]): number => taken.reduce<number>((all, size) => all + (size ?? 0), 0);
    expect(held).toBeGreaterThanOrEqual(Math.min(1, sizes.length));
    if (held > 1) expect(sum(sizes.slice(0, held)) * 3).toBeLessThanOrEqual(BATCH_BYTES);
    if (held > PAGE_MAX) expect(sum(sizes.slice(0, held))).toBeLessThanOrEqual(HISTORY_PAGE_UNITS);
    // It ends nowhere sooner.
    if (held < sizes.length) expect(sum(sizes.slice(0, held + 1)) * 3 > BATCH_BYTES || held >= PAGE_MAX).toBe(true);
  }));
  expect(fitting(Array.from({ length: 1_000 }, () => null))).toBe(PAGE_MAX);
  expect(fitting(Array.from({ length: 1_000 }, () => 200))).toBe(1_000);
  expect(fitting([null])).toBe(1);
});
