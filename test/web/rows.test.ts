import { describe, expect, test } from "vitest";
import type { ChatEvent, ConversationRow, Message, Slot } from "../../client/client.ts";
import { MemoryOutboxStore } from "../../client/client.ts";
import { DISPATCH_LIMITS } from "../../client/dispatcher.ts";
import { systemEnvironment } from "../../client/environment.ts";
import { NO_FILES } from "../client/simulation.ts";
import { Outbox } from "../../client/outbox.ts";
import { mentionsIn } from "../../web/mentions.ts";
import { type MessageRow, previewOf, type Row, type RowContext, rowsOf } from "../../web/rows.ts";

const NOON = new Date(2026, 10, 22, 12).getTime();
const context: RowContext = {
  me: "ann", now: NOON, first_unread: Number.POSITIVE_INFINITY,
  statusOf: () => ({ status: "SENT", delivered: 0, read: 0, total: null }), messageOf: () => null,
};

function message(seq: number, sender_id: string, sent_at: number): Message {
  return { type: "msg", conversation_id: "d.0", epoch: 1, seq, msg_id: `m${seq}`, msg_no: seq, sender_id, sent_at, content: `${seq}`, content_type: "text" };
}

const shape = (rows: Row[]) => rows.map((row) => (row.kind === "message" ? `${row.first ? "(" : ""}${row.content}${row.last ? ")" : ""}` : row.kind === "new" ? "new" : row.text));

describe("rows", () => {
  test("one sender's messages within five minutes are one block", () => {
    const slots = [message(1, "bob", NOON), message(2, "bob", NOON + 60_000), message(3, "ann", NOON + 61_000), message(4, "ann", NOON + 400_000), message(5, "ann", NOON + 401_000)];
    expect(shape(rowsOf(slots, [], context))).toEqual(["Today", "(1", "2)", "(3)", "(4", "5)"]);
  });

  test("days are told apart by the local calendar, and break blocks", () => {
    const midnight = new Date(2026, 10, 22).getTime();
    const slots = [message(1, "bob", midnight - 86_400_000 - 1), message(2, "bob", midnight - 1), message(3, "bob", midnight)];
    expect(shape(rowsOf(slots, [], context))).toEqual(["Friday", "(1)", "Yesterday", "(2)", "Today", "(3)"]);
  });

  test("a line stands before the first unread message of somebody else", () => {
    const slots = [message(1, "bob", NOON), message(2, "ann", NOON), message(3, "bob", NOON), message(4, "bob", NOON)];
    expect(shape(rowsOf(slots, [], { ...context, first_unread: 2 }))).toEqual(["Today", "(1)", "(2)", "new", "(3", "4)"]);
    expect(shape(rowsOf(slots.slice(2), [], { ...context, first_unread: 3 }))).toEqual(["Today", "new", "(3", "4)"]);
  });

  test("what changes in a group is said, places without an event are not", () => {
    const about = { conversation_id: "g.0", epoch: 1, msg_id: "m", sent_at: NOON };
    const slots: Slot[] = [
      { ...about, type: "created", seq: 1, sender_id: "bob", kind: "group", title: "Lunch", members: [], max_members: 500, location_hint: null, jurisdiction: null },
      { ...about, type: "member_added", seq: 2, sender_id: "bob", user_id: "ann", role: "member" },
      { type: "skip", conversation_id: "g.0", epoch: 1, seq: 3 },
      { ...about, type: "title", seq: 4, sender_id: "ann", title: "Dinner" },
      { ...about, type: "member_removed", seq: 5, sender_id: "eve", user_id: "eve" },
    ];
    expect(shape(rowsOf(slots, [], context)).map((text) => text.replaceAll(/[\u2068\u2069]/g, ""))).toEqual(["Today", "bob started the group Lunch", "bob added you", "You named the group Dinner", "eve left"]);
  });

  test("the list's line of a conversation: who, what, and nothing of what was deleted", () => {
    const last = { seq: 1, msg_id: "m1", sender_id: "bob", sent_at: NOON, content_type: "text", preview: "noodles" } as const;
    const row = { kind: "group", last_message: last } as unknown as ConversationRow;
    const line = (changes: object) => previewOf({ ...row, ...changes }, "ann")?.replaceAll(/[\u2068\u2069]/g, "");
    expect(line({})).toBe("bob: noodles");
    expect(line({ last_message: { ...last, sender_id: "ann" } })).toBe("You: noodles");
    expect(line({ kind: "direct", last_message: { ...last, preview: null, deleted: true } })).toBe("Deleted message");
    expect(line({ kind: "direct", last_message: { ...last, preview: null } })).toBe("Encrypted message");
    expect(line({ last_message: null })).toBe(undefined);
  });

  test("own changes show before they are committed; what became of a message stands in its row", () => {
    const outbox = new Outbox(systemEnvironment, new MemoryOutboxStore(), DISPATCH_LIMITS, "ann", {
      write: () => false, silent: () => undefined, tokenRefused: () => undefined, changed: () => undefined, discarded: () => undefined, storeFailed: () => undefined, files: NO_FILES,
    });
    const msg_id = "01a201df-18b1-7000-9ba1-3266301a7cd8";
    const change = { conversation_id: `d.${"0".repeat(64)}`, target_msg_id: msg_id, content_type: "text" } as const;
    const sendings = [
      outbox.add({ ...change, type: "edit", content: "better" }),
      outbox.add({ ...change, type: "react", content: "", emoji: "👍", on: true }),
    ];
    const event: Message = { ...message(1, "ann", NOON), msg_id, reply_to: "m9" };
    const [, shown] = rowsOf([event], sendings, { ...context, statusOf: () => ({ status: "READ", delivered: 3, read: 3, total: 3 }) }) as [Row, MessageRow];
    expect(shown).toMatchObject({
      content: "better", edited: true, state: "READ", counts: { total: 3 }, reactions: [{ emoji: "👍", count: 1, mine: true }], quote: { msg_id: "m9", sender_id: null },
    });
  });

  test("whom a text mentions: members by their whole name, not oneself, each once", () => {
    const members = ["ann", "bob", "bob.b", "c@d"];
    expect(mentionsIn("@bob and @bob.b, @bob. Not @bobby, x@bob or @ann.", members, "ann")).toEqual(["bob", "bob.b"]);
    expect(mentionsIn("(@c@d)", members, "ann")).toEqual(["c@d"]);
  });

  test("a message keeps its key from PENDING to event, so that it keeps its place in the page", () => {
    const outbox = new Outbox(systemEnvironment, new MemoryOutboxStore(), DISPATCH_LIMITS, "ann", {
      write: () => false, silent: () => undefined, tokenRefused: () => undefined, changed: () => undefined, discarded: () => undefined, storeFailed: () => undefined, files: NO_FILES,
    });
    const sending = outbox.add({ to: "bob", content: "hi", content_type: "text" });
    const [, pending] = rowsOf([], [sending], { ...context, now: Date.now() }) as [Row, MessageRow];
    const event: ChatEvent = { ...message(1, "ann", Date.now()), client_msg_id: sending.client_msg_id };
    const [, sent] = rowsOf([event], [], { ...context, now: Date.now() }) as [Row, MessageRow];
    expect([pending.state, sent.state]).toEqual(["PENDING", "SENT"]);
    expect(sent.key).toBe(pending.key);
    const [, others] = rowsOf([{ ...event, sender_id: "bob" }], [], context) as [Row, MessageRow];
    expect(others.key).not.toBe(pending.key);
  });
});
