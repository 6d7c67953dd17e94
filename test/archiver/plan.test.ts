// What is written of a segment, and what of it counts as missing.
import { describe, expect, test } from "vitest";
import { inLanes } from "../../archiver/lanes.ts";
import { decideMigrations, readMigrations, statementsOf } from "../../archiver/migrate.ts";
import { decideMissing, planSegmentWrites } from "../../archiver/plan.ts";
import { eventOf, rowOf, type StoredRow } from "../../archiver/rows.ts";
import { bucketExpiry } from "../../archiver/stores/bucket-expiry.ts";
import { SchemaTooNew } from "../../archiver/stores/store.ts";
import { contentText, type SegmentEvent } from "../../protocol/segment.ts";
import { conversationId, type Draft, EVERY_TYPE, run, text } from "./segments.ts";

const conversation = conversationId("plan");
const AT = Date.UTC(2026, 10, 20);
const YEAR_S = 31_536_000;
const events = (drafts: readonly Draft[]) => run(drafts, { conversation, at: AT });
const planOf = (list: readonly SegmentEvent[], now = AT) => planSegmentWrites(conversation, list.map((event) => ({ event, body: contentText(event) })), YEAR_S, now);
/** As a store would give back what `plan` says. */
const stored = (list: readonly SegmentEvent[], more: Partial<StoredRow> = {}): StoredRow[] =>
  planOf(list).rows.map(({ content, status, changed_at, ...event }) => ({ message_id: event.message_id, bucket: event.bucket, content, status, changed_at, event, held: false, ...more }));

test("[B8] a row holds its event exactly", () => {
  for (const event of events(EVERY_TYPE)) expect(eventOf(conversation, rowOf(event, contentText(event), 1))).toEqual(event);
});

test("[B6] an event past its retention is not written, and neither is a change of one", () => {
  const [old] = events([text("old")]) as [SegmentEvent];
  const [edit] = run([{ type: "edit", target_msg_id: old.msg_id, target_seq: 1, content: "new" }], { conversation, at: AT + 86_400_000, fromSeq: 2 }) as [SegmentEvent];
  const between = AT + YEAR_S * 1_000 + 60_000;
  expect(planOf([old, edit], between - 120_000)).toMatchObject({ expired: 0, rows: [{ seq: 1 }, { seq: 2 }], changes: [{ content: "new" }] });
  expect(planOf([old, edit], between)).toMatchObject({ expired: 1, rows: [{ seq: 2 }], changes: [] });
  expect(planOf([edit]).changes[0]?.expires_at).toBe(AT / 1_000 + YEAR_S);
  expect(bucketExpiry("2026-12", 10)).toBe(Date.UTC(2027, 0, 1) / 1_000 + 10);
});

test("[B9] of several changes of a message the last is written", () => {
  const [sent] = events([text("sent")]) as [SegmentEvent];
  const target = { target_msg_id: sent.msg_id, target_seq: 1 };
  const all = events([text("sent"), { type: "edit", ...target, content: "1" }, { type: "edit", ...target, content: "2" }, { type: "delete", ...target }]);
  expect(planOf(all).changes).toMatchObject([{ message_id: sent.msg_id, content: "", status: "DELETED" }]);
});

describe("what is missing", () => {
  const list = events([text("one"), text("two"), { type: "title", title: "three" }]);
  const plan = planOf(list);

  test("[B9] everything from nothing, nothing from everything", () => {
    expect(decideMissing(plan, [])).toEqual({ kind: "missing", writes: { conversation_id: conversation, rows: plan.rows, changes: [] } });
    expect(decideMissing(plan, stored(list))).toMatchObject({ writes: { rows: [] } });
    expect(decideMissing(plan, stored(list).slice(1))).toMatchObject({ writes: { rows: [{ seq: 1 }] } });
    expect(decideMissing(plan, stored(list, { event: null }))).toMatchObject({ writes: { rows: plan.rows } });
  });

  test("[B9] a later content in its place is no conflict, an equal time with another content is", () => {
    const later = stored(list).map((row) => (row.changed_at === null ? row : { ...row, content: "edited", status: "EDITED" as const, changed_at: row.changed_at + 1 }));
    expect(decideMissing(plan, later)).toMatchObject({ kind: "missing", writes: { rows: [] } });
    const same = stored(list).map((row) => (row.changed_at === null ? row : { ...row, content: "edited" }));
    expect(decideMissing(plan, same)).toEqual({ kind: "conflict", message_id: list[0]?.msg_id, field: "content" });
  });

  test.each(["seq", "epoch", "type", "sender_id", "created_at", "client_msg_id", "msg_no", "content_type", "body", "salt", "content_hash"] as const)("[B9] another %s is a conflict", (field) => {
    const changed = stored(list).map((row) => ({ ...row, event: row.event === null ? null : { ...row.event, [field]: "another" } }));
    expect(decideMissing(plan, changed)).toEqual({ kind: "conflict", message_id: list[0]?.msg_id, field });
  });
});

test("[B8] the migrations are numbered, and a comment or a semicolon in a line is no end", () => {
  expect(statementsOf("-- a;\nCREATE TABLE a (\n  -- b\n  id int -- c; d\n);\n\nCREATE TABLE b (x int);\n")).toEqual(["CREATE TABLE a (\n\n  id int -- c; d\n)", "CREATE TABLE b (x int)"]);
  const known = readMigrations();
  expect(known.map(({ version }) => version)).toEqual(known.map((_, i) => i + 1));
  expect(known.slice(0, 2).map(({ statements }) => statements.length)).toEqual([5, 2]);
  expect(decideMigrations(null, known)).toHaveLength(known.length);
  expect(decideMigrations({ current_version: 1, minimum_compatible_version: 1 }, known)).toEqual(known.slice(1));
  expect(decideMigrations({ current_version: known.length + 5, minimum_compatible_version: 1 }, known)).toEqual([]);
  expect(() => decideMigrations({ current_version: known.length + 5, minimum_compatible_version: known.length + 1 }, known)).toThrow(SchemaTooNew);
});

test("[B18] after a failure no further item starts, and what is in hand ends before it is thrown", async () => {
  const started: number[] = [];
  const ended: number[] = [];
  const gates = new Map([1, 2, 3, 4].map((item) => [item, Promise.withResolvers<void>()] as const));
  const lanes = inLanes([1, 2, 3, 4], 2, async (item) => {
    started.push(item);
    await gates.get(item)?.promise;
    ended.push(item);
  });
  gates.get(1)?.reject(new Error("first"));
  const outcome = lanes.then(() => "ended", (error: Error) => error.message);
  await expect.poll(() => started).toEqual([1, 2]);
  gates.get(2)?.resolve();
  expect(await outcome).toBe("first");
  expect([started, ended]).toEqual([[1, 2], [2]]);
});
