// Each verdict on a log made by hand: a run in which all is well, and the same run with one thing wrong.
import { describe, expect, test } from "vitest";
import { judge } from "../../verify/final.ts";
import { type Ack, Journal, type Shown } from "../../verify/journal.ts";
import type { PlannedConversation, PlannedMessage } from "../../verify/plan.ts";
import { type Code, Violations } from "../../verify/violation.ts";

const ROOM: PlannedConversation = { label: "direct1", kind: "direct", members: ["ann", "bob"] };
const ID = `d.${"0".repeat(64)}`;
const TEXTS = ["one", "two", "three", "four"];

interface Log {
  messages: PlannedMessage[];
  acks: Ack[];
  /** bob's phone, live */
  shown: Shown[];
  readings: { user_id: string; order: "asc" | "desc"; events: Shown[] }[];
}

function eventOf(seq: number): Shown {
  return {
    type: "msg", conversation_id: ID, epoch: 1, seq, msg_id: `id-${seq}`, sender_id: "ann", sent_at: 1_000 + seq,
    client_msg_id: `m${seq}`, msg_no: seq, content: TEXTS[seq - 1] ?? "", content_type: "text",
  };
}

/** Ann sends four messages one after the other over one socket; both read them in both directions. */
function wellLog(): Log {
  const seqs = TEXTS.map((_, i) => i + 1);
  const events = () => seqs.map(eventOf);
  return {
    messages: TEXTS.map((content, i) => ({ sender_id: "ann", client_msg_id: `m${i + 1}`, conversation: ROOM, by: "to", content, content_type: "text" })),
    acks: seqs.map((seq) => ({ at: seq * 10 + 5, by: "ann/phone #1", conversation_id: ID, epoch: 1, msg_id: `id-${seq}`, seq, sent_at: 1_000 + seq, dup: false })),
    shown: events(),
    readings: [
      { user_id: "ann", order: "asc", events: events() }, { user_id: "ann", order: "desc", events: events().toReversed() },
      { user_id: "bob", order: "asc", events: events() }, { user_id: "bob", order: "desc", events: events().toReversed() },
    ],
  };
}

/** @param refused a message whose only attempt was answered with an error */
function codesOf(log: Log, refused: string | null = null): Code[] {
  const journal = new Journal();
  const violations = new Violations();
  log.messages.forEach((message, i) => {
    const sending = journal.sending(message);
    sending.attempts.push({ at: (i + 1) * 10, by: "ann/phone #1", place: { connection: 1, index: i }, altered: false, refused: message.client_msg_id === refused ? "unavailable" : null });
    const ack = log.acks[i];
    if (ack !== undefined) journal.acked(sending, ack);
  });
  for (const event of log.shown) journal.shown({ at: 1, by: "bob/phone #2", user_id: "bob", event }, "bob/phone");
  for (const reading of log.readings) journal.readings.push({ label: ROOM.label, ...reading });
  judge({ journal, violations });
  return [...new Set(violations.all.map(({ code }) => code))];
}

/** Changes the events of every reading alike. */
function everywhere(log: Log, change: (events: Shown[]) => Shown[]): void {
  for (const reading of log.readings) {
    const events = change(reading.order === "asc" ? reading.events : reading.events.toReversed());
    reading.events = reading.order === "asc" ? events : events.toReversed();
  }
}

/** Ann's second and third message have changed places. */
function swapped(): Log {
  const log = wellLog();
  const other = new Map([[2, 3], [3, 2]]);
  const moved = (event: Shown): Shown => ({ ...event, client_msg_id: `m${other.get(event.seq) ?? event.seq}`, content: TEXTS[(other.get(event.seq) ?? event.seq) - 1] ?? "" });
  log.acks = log.acks.map((ack) => {
    const seq = other.get(ack.seq) ?? ack.seq;
    return { ...ack, at: 1_000, seq, msg_id: `id-${seq}`, sent_at: 1_000 + seq };
  });
  everywhere(log, (events) => events.map(moved));
  log.shown = log.shown.map(moved);
  return log;
}

test("a run in which all is well has no violation", () => {
  expect(codesOf(wellLog())).toEqual([]);
});

describe("wrong in the history", () => {
  test.each<[string, Code, (log: Log) => void]>([
    ["the last acknowledged message is missing", "lost", (log) => everywhere(log, (events) => events.slice(0, 3))],
    ["another message stands where one was acknowledged", "lost", (log) => everywhere(log, (events) => events.map((event) => (event.seq === 4 ? { ...event, msg_id: "id-9" } : event)))],
    ["one member's last page is short", "lost", (log) => { log.readings[3]?.events.shift(); }],
    ["a message in the middle is missing", "hole", (log) => everywhere(log, (events) => events.filter(({ seq }) => seq !== 2))],
    ["it begins with the second", "hole", (log) => everywhere(log, (events) => events.slice(1))],
    ["msg_no skips one", "hole", (log) => everywhere(log, (events) => events.map((event) => (event.seq === 4 ? { ...event, msg_no: 5 } : event)))],
    ["one message stands in two places", "duplicate", (log) => everywhere(log, (events) => [...events, { ...eventOf(5), client_msg_id: "m2", content: "two" }])],
    ["two pages overlap", "duplicate", (log) => { log.readings[0]?.events.splice(2, 0, eventOf(2)); }],
    ["a content has one byte more", "changed", (log) => everywhere(log, (events) => events.map((event) => (event.seq === 3 ? { ...event, content: "three " } : event)))],
    ["a content_type is another", "changed", (log) => everywhere(log, (events) => events.map((event) => (event.seq === 3 ? { ...event, content_type: "image" } : event)))],
    ["a sender is another", "changed", (log) => everywhere(log, (events) => events.map((event) => (event.seq === 3 ? { ...event, sender_id: "bob" } : event)))],
    ["a message that nobody sent", "changed", (log) => everywhere(log, (events) => [...events, { ...eventOf(5), client_msg_id: "m5" }])],
    ["two members read two orders", "order", (log) => { log.readings[2]?.events.splice(1, 2, { ...eventOf(3), seq: 2 }, { ...eventOf(2), seq: 3 }); }],
    ["ids fall where seq rises", "order", (log) => everywhere(log, (events) => events.map((event) => (event.seq === 2 ? { ...event, msg_id: "id-0" } : event)))],
    ["times fall where seq rises", "order", (log) => everywhere(log, (events) => events.map((event) => (event.seq === 2 ? { ...event, sent_at: 1 } : event)))],
  ])("%s: %s", (_name, code, damage) => {
    const log = wellLog();
    damage(log);
    expect(codesOf(log)).toContain(code);
  });
});

describe("wrong in what was acknowledged or shown", () => {
  test.each<[string, Code, (log: Log) => void]>([
    ["a later ack of the same key names another id", "regressed", (log) => { log.messages.push(log.messages[0] as PlannedMessage); log.acks.push({ ...(log.acks[0] as Ack), at: 100, msg_id: "id-9", dup: true }); }],
    ["a later ack of the same key names another seq", "duplicate", (log) => { log.messages.push(log.messages[0] as PlannedMessage); log.acks.push({ ...(log.acks[0] as Ack), at: 100, seq: 9 }); }],
    ["two messages are acknowledged with one seq", "order", (log) => { Object.assign(log.acks[3] as Ack, { seq: 3 }); }],
    ["a device was shown what is in no history", "lost", (log) => { log.shown.push({ ...eventOf(4), seq: 5, msg_id: "id-5" }); }],
    ["a device was shown another event in a place", "order", (log) => { Object.assign(log.shown[1] as Shown, { msg_id: "id-9" }); }],
    ["a device was shown another content", "changed", (log) => { Object.assign(log.shown[1] as Shown, { content: "2" }); }],
    ["a device was shown somebody else's conversation", "leaked", (log) => { log.shown.push({ ...eventOf(1), conversation_id: "d.other" }); }],
  ])("%s: %s", (_name, code, damage) => {
    const log = wellLog();
    damage(log);
    expect(codesOf(log)).toContain(code);
  });

  describe("two messages over one socket, the second sent before the first was acknowledged", () => {
    test("may not change places", () => {
      expect(codesOf(swapped())).toEqual(["order"]);
    });

    test("may, where the first was refused and went out again", () => {
      expect(codesOf(swapped(), "m2")).toEqual([]);
    });
  });

  test("what was acknowledged first stands behind what was sent after that: order", () => {
    const log = swapped();
    log.acks.forEach((ack, i) => { ack.at = (i + 1) * 10 + 5; });
    expect(codesOf(log, "m2")).toEqual(["order"]);
  });
});
