// Each verdict on a history made by hand: a run in which all is well, and the same run with one thing wrong.
import { describe, expect, test } from "vitest";
import { checkAck, checkPlaces } from "../../verify/checks/acks.ts";
import { checkArchive } from "../../verify/checks/archive.ts";
import { checkNews, WholeReading } from "../../verify/checks/histories.ts";
import { checkOrder } from "../../verify/checks/order.ts";
import { checkReceipts, checkStored, type Heard } from "../../verify/checks/receipts.ts";
import { checkSight } from "../../verify/checks/sights.ts";
import { checkBeginning, checkSeen } from "../../verify/checks/stays.ts";
import { type Course } from "../../verify/course.ts";
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
  archive: Shown[];
}

function messageOf(number: number, content = TEXTS[number - 1] ?? ""): PlannedMessage {
  return { sender_id: "ann", client_msg_id: `m${number}`, conversation: ROOM, kind: "msg", target: null, by: "to", content, content_type: "text", number: null };
}

function eventOf(seq: number): Shown {
  return {
    type: "msg", conversation_id: ID, epoch: 1, seq, msg_id: `id-${seq}`, sender_id: "ann", sent_at: 1_000 + seq,
    client_msg_id: `m${seq}`, msg_no: seq, content: TEXTS[seq - 1] ?? "", content_type: "text",
  };
}

function ackOf(seq: number): Ack {
  return { at: seq * 10 + 5, by: "ann/phone #1", conversation_id: ID, epoch: 1, msg_id: `id-${seq}`, seq, sent_at: 1_000 + seq, dup: false };
}

/** Ann sends four messages one after the other over one socket; both read them in both directions. */
function wellLog(): Log {
  const seqs = TEXTS.map((_, i) => i + 1);
  const events = () => seqs.map(eventOf);
  return {
    messages: seqs.map((number) => messageOf(number)),
    acks: seqs.map(ackOf),
    shown: events(),
    readings: [
      { user_id: "ann", order: "asc", events: events() }, { user_id: "ann", order: "desc", events: events().toReversed() },
      { user_id: "bob", order: "asc", events: events() }, { user_id: "bob", order: "desc", events: events().toReversed() },
    ],
    archive: events().slice(0, 3),
  };
}

/** @param refused a message whose only attempt was answered with an error */
function codesOf(log: Log, refused: string | null = null, prepare: (journal: Journal) => void = () => undefined): Code[] {
  const journal = new Journal(1);
  const violations = new Violations();
  prepare(journal);
  log.messages.forEach((message, i) => {
    const sending = journal.sending(message);
    sending.attempts.push({ at: (i + 1) * 10, by: "ann/phone #1", place: { connection: 1, index: i }, altered: false, refused: message.client_msg_id === refused ? "unavailable" : null });
    const ack = log.acks[i];
    if (ack === undefined) return;
    checkAck(journal, violations, message.sender_id, message.client_msg_id, ack);
    journal.acked(sending, ack);
  });
  for (const event of log.shown) checkSight(journal, violations, event, "bob/phone #2", false);
  checkPlaces(journal, violations);
  const course = journal.course(ID) as Course;
  const [first, ...others] = log.readings;
  checkNews(journal, violations, course, "ann", first?.events ?? []);
  checkOrder(journal, violations);
  for (const { user_id, order, events } of others) {
    const reading = new WholeReading(journal, violations, course, user_id, order);
    reading.take(events);
    reading.end();
  }
  checkArchive(journal, violations, course, log.archive);
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
  log.archive = log.archive.map(moved);
  return log;
}

test("a run in which all is well has no violation", () => {
  expect(codesOf(wellLog())).toEqual([]);
});

describe("wrong in the history", () => {
  test.each<[string, Code, (log: Log) => void]>([
    ["the last acknowledged message is missing", "lost", (log) => everywhere(log, (events) => events.slice(0, 3))],
    ["another message stands where one was acknowledged", "lost", (log) => { log.shown = []; everywhere(log, (events) => events.map((event) => (event.seq === 4 ? { ...event, msg_id: "id-9" } : event))); }],
    ["one member's last page is short", "lost", (log) => { log.readings[2]?.events.pop(); }],
    ["one member's first page is short, read backwards", "lost", (log) => { log.readings[3]?.events.pop(); }],
    ["a message in the middle is missing", "hole", (log) => everywhere(log, (events) => events.filter(({ seq }) => seq !== 2))],
    ["it begins with the second", "hole", (log) => everywhere(log, (events) => events.slice(1))],
    ["msg_no skips one", "hole", (log) => everywhere(log, (events) => events.map((event) => (event.seq === 4 ? { ...event, msg_no: 5 } : event)))],
    ["one message stands in two places", "duplicate", (log) => everywhere(log, (events) => [...events, { ...eventOf(5), client_msg_id: "m2", content: "two" }])],
    ["two pages overlap", "duplicate", (log) => { log.readings[0]?.events.splice(2, 0, eventOf(2)); }],
    ["a content has one byte more", "changed", (log) => everywhere(log, (events) => events.map((event) => (event.seq === 3 ? { ...event, content: "three " } : event)))],
    ["a content_type is another", "changed", (log) => { log.shown = []; everywhere(log, (events) => events.map((event) => (event.seq === 3 ? { ...event, content_type: "image" } : event))); }],
    ["a sender is another", "changed", (log) => { log.shown = []; everywhere(log, (events) => events.map((event) => (event.seq === 3 ? { ...event, sender_id: "bob" } : event))); }],
    ["a message that nobody sent", "changed", (log) => everywhere(log, (events) => [...events, { ...eventOf(5), client_msg_id: "m5" }])],
    ["a deletion that nobody asked for", "changed", (log) => everywhere(log, (events) => events.map((event) => (event.seq === 3 ? { ...event, content: "", deleted_at: 5 } : event)))],
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
    ["a later ack of the same key names another id", "regressed", (log) => { log.messages.push(messageOf(1)); log.acks.push({ ...ackOf(1), at: 100, msg_id: "id-9", dup: true }); }],
    ["a later ack of the same key names another seq", "duplicate", (log) => { log.messages.push(messageOf(1)); log.acks.push({ ...ackOf(1), at: 100, seq: 9 }); }],
    ["two messages are acknowledged with one seq", "order", (log) => { Object.assign(log.acks[3] as Ack, { seq: 3 }); }],
    ["a device was shown what is in no history", "lost", (log) => { log.shown.push({ ...eventOf(4), seq: 5, msg_id: "id-5" }); }],
    ["a device was shown another event in a place", "order", (log) => { Object.assign(log.shown[1] as Shown, { msg_id: "id-9" }); }],
    ["a device was shown another content", "changed", (log) => { Object.assign(log.shown[1] as Shown, { content: "2" }); }],
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

  test("numbered by their device they stand in the order of the numbers, however they went out", () => {
    const numbered = (numbers: number[]): Log => {
      const log = swapped();
      log.messages.forEach((message, i) => { message.number = numbers[i] ?? null; });
      return log;
    };
    // Together, as one shuffled lot: then their first attempts are of one time.
    const codes = (log: Log): Code[] => codesOf({ ...log }, null, (journal) => {
      for (const message of log.messages) {
        journal.sending(message).attempts.push({ at: 5, by: "ann/phone #1", place: { connection: 1, index: 0 }, altered: false, refused: null });
      }
    });
    expect(codes(numbered([1, 3, 2, 4]))).toEqual([]);
  });
});

test("a resend of long ago is held to its first answer", () => {
  const before = (journal: Journal): void => journal.keys.remember("ann", "m1", { label: ROOM.label, seq: 9 });
  expect(codesOf(wellLog(), null, before)).toContain("duplicate");
});

describe("what became of a message", () => {
  const edit: PlannedMessage = { ...messageOf(5, "three, better"), kind: "edit", target: "ann/m3" };
  const edited = (shown: string): Log => {
    const log = wellLog();
    log.messages.push(edit);
    log.acks.push(ackOf(5));
    everywhere(log, (events) => [
      ...events.map((event) => (event.seq === 3 ? { ...event, content: shown, edited_at: 9 } : event)),
      { type: "edit", conversation_id: ID, epoch: 1, seq: 5, msg_id: "id-5", sender_id: "ann", sent_at: 1_005, client_msg_id: "m5", target_seq: 3, target_msg_id: "id-3" },
    ]);
    return log;
  };

  test("an acknowledged edit is shown once nothing is under way", () => {
    expect(codesOf(edited("three, better"))).toEqual([]);
  });

  test("what it said before is not: changed", () => {
    expect(codesOf(edited("three"))).toEqual(["changed"]);
  });
});

describe("stays", () => {
  function codes(check: (violations: Violations) => void): Code[] {
    const violations = new Violations();
    check(violations);
    return violations.all.map(({ code }) => code);
  }
  const stays = [{ from: 3, to: 5 }, { from: 9, to: Number.POSITIVE_INFINITY }];

  test("nobody sees the event before their joining, or the one after their leaving", () => {
    expect(codes((violations) => checkSeen(violations, "bob", "group1", stays, [[3, 5], [9, 40]]))).toEqual([]);
    expect(codes((violations) => checkSeen(violations, "bob", "group1", stays, [[2, 4]]))).toEqual(["leaked"]);
    expect(codes((violations) => checkSeen(violations, "bob", "group1", stays, [[3, 6]]))).toEqual(["leaked"]);
    expect(codes((violations) => checkSeen(violations, "eve", "group1", [], [[1, 1]]))).toEqual(["leaked"]);
  });

  test("a history begins with the joining, not before and not behind", () => {
    const begins = (seq: number | null): Code[] => codes((violations) => checkBeginning(violations, "bob", "group1", { from: 9, to: Number.POSITIVE_INFINITY }, seq === null ? undefined : eventOf(seq)));
    expect(begins(9)).toEqual([]);
    expect(begins(8)).toEqual(["leaked"]);
    expect(begins(10)).toEqual(["hole"]);
    expect(begins(null)).toEqual(["lost"]);
  });
});

describe("receipts", () => {
  function heard(status: "DELIVERED" | "READ", up_to_seq: number): Heard[] {
    return [{ told: { by: "ann/phone #1", conversation_id: ID, user_id: "bob", status, up_to_seq }, basis: { delivered: 7, read: 4 } }];
  }
  function codes(check: (violations: Violations) => void): Code[] {
    const violations = new Violations();
    check(violations);
    return violations.all.map(({ code }) => code);
  }

  test("nobody has had or read more than they said", () => {
    const checked = (status: "DELIVERED" | "READ", seq: number): Code[] => codes((violations) => checkReceipts(violations, heard(status, seq), () => "direct1"));
    expect([checked("DELIVERED", 7), checked("READ", 4)]).toEqual([[], []]);
    expect([checked("DELIVERED", 8), checked("READ", 5)]).toEqual([["receipt"], ["receipt"]]);
  });

  test("what anybody was told of is not taken back", () => {
    const checked = (rank: "SENT" | "DELIVERED" | "READ"): Code[] => codes((violations) => checkStored(violations, "direct1", 4, heard("READ", 4), new Map([["bob", rank]])));
    expect(checked("READ")).toEqual([]);
    expect(checked("DELIVERED")).toEqual(["regressed"]);
    expect(checked("SENT")).toEqual(["regressed"]);
  });
});

describe("wrong in the archive", () => {
  test.each<[string, (log: Log) => void]>([
    ["a hole", (log) => { log.archive.splice(1, 1); }],
    ["another event", (log) => { Object.assign(log.archive[1] as Shown, { msg_id: "id-9" }); }],
    ["another content", (log) => { Object.assign(log.archive[1] as Shown, { content: "2" }); }],
    ["more than the history", (log) => { log.archive.push(eventOf(4), eventOf(5)); }],
  ])("%s: archive", (_name, damage) => {
    const log = wellLog();
    damage(log);
    expect(codesOf(log)).toEqual(["archive"]);
  });
});
