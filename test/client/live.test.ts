// What is no event: receipts, statuses, typing and presence, by a clock that only moves when told.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Presences } from "../../client/presences.ts";
import { Receipts } from "../../client/receipts.ts";
import { Statuses } from "../../client/statuses.ts";
import { Typing } from "../../client/typing.ts";
import { Simulation } from "./simulation.ts";

const [ROOM, OTHER] = [`g.${"0".repeat(32)}`, `g.${"1".repeat(32)}`];

interface Line {
  open: boolean;
  /** Text messages, each as its frames. */
  texts: Record<string, unknown>[][];
  write(frames: readonly object[]): boolean;
}

function line(): Line {
  return {
    open: true,
    texts: [],
    write(frames) {
      if (this.open) this.texts.push(frames as Record<string, unknown>[]);
      return this.open;
    },
  };
}

const told = ({ texts }: Line) => texts.flat().map(({ conversation_id, up_to_seq, status }) => `${conversation_id === ROOM ? "room" : "other"} ${String(up_to_seq)} ${String(status)}`);

describe("receipts", () => {
  function world(): { time: Simulation; wire: Line; receipts: Receipts } {
    const [time, wire] = [new Simulation(1), line()];
    return { time, wire, receipts: new Receipts(time, { receipts_ms: 200 }, (frames) => wire.write(frames)) };
  }

  test("the first goes at once, what follows within 200 ms goes as one, the newest word of each conversation", async () => {
    const { time, wire, receipts } = world();
    receipts.delivered(ROOM, 1);
    await time.advance(0);
    expect(told(wire)).toEqual(["room 1 DELIVERED"]);
    for (let seq = 2; seq <= 50; seq++) receipts.delivered(ROOM, seq);
    receipts.delivered(OTHER, 7);
    await time.advance(199);
    expect(wire.texts).toHaveLength(1);
    await time.advance(1);
    expect(told(wire).slice(1)).toEqual(["room 50 DELIVERED", "other 7 DELIVERED"]);
    expect(wire.texts).toHaveLength(2);
  });

  test("READ says DELIVERED too; what is behind it is said apart", async () => {
    const { time, wire, receipts } = world();
    receipts.delivered(ROOM, 5);
    receipts.read(ROOM, 5);
    receipts.delivered(OTHER, 5);
    receipts.read(OTHER, 3);
    await time.advance(0);
    expect(told(wire)).toEqual(["room 5 READ", "other 5 DELIVERED", "other 3 READ"]);
  });

  test("nothing is said twice, and nothing goes back", async () => {
    const { time, wire, receipts } = world();
    receipts.read(ROOM, 5);
    await time.advance(300);
    receipts.read(ROOM, 5);
    receipts.read(ROOM, 3);
    receipts.delivered(ROOM, 2);
    receipts.stored(OTHER, 9);
    receipts.read(OTHER, 8);
    await time.advance(300);
    expect(told(wire)).toEqual(["room 5 READ"]);
  });

  test("what may have been lost with a connection is said again; what the server is known to have is not", async () => {
    const { time, wire, receipts } = world();
    receipts.delivered(OTHER, 4);
    await time.advance(60_000);
    receipts.read(ROOM, 5);
    receipts.delivered(ROOM, 6);
    await time.advance(1_000);
    receipts.disconnected();
    wire.texts = [];
    wire.open = false;
    receipts.read(ROOM, 6);
    await time.advance(5_000);
    wire.open = true;
    receipts.connected();
    await time.advance(1_000);
    expect(told(wire)).toEqual(["room 6 READ"]);
    receipts.stored(ROOM, 6);
    await time.advance(60_000);
    receipts.disconnected();
    wire.texts = [];
    receipts.connected();
    await time.advance(1_000);
    expect(told(wire)).toEqual([]);
  });

  test("events that come again say that a receipt was lost, though no connection was: it is said again, once, and not what is on its way", async () => {
    const { time, wire, receipts } = world();
    receipts.delivered(ROOM, 6);
    receipts.read(ROOM, 5);
    await time.advance(0);
    wire.texts = [];
    receipts.again(ROOM);
    await time.advance(2_000);
    expect(told(wire)).toEqual([]);
    receipts.again(ROOM);
    receipts.again(ROOM);
    await time.advance(1_000);
    expect(told(wire)).toEqual(["room 6 DELIVERED", "room 5 READ"]);
    wire.texts = [];
    receipts.stored(ROOM, 6);
    await time.advance(60_000);
    receipts.again(ROOM);
    receipts.again(OTHER);
    await time.advance(1_000);
    expect(told(wire)).toEqual([]);
  });

  test("a thousand conversations at once: fifty in a text message, five of those in a second", async () => {
    const { time, wire, receipts } = world();
    for (let i = 0; i < 1_000; i++) receipts.delivered(`g.${String(i).padStart(32, "0")}`, 1);
    await time.advance(999);
    expect(wire.texts.map((frames) => frames.length)).toEqual([50, 50, 50, 50, 50]);
  });
});

describe("statuses", () => {
  test("a direct message: SENT, DELIVERED, READ, by the other's watermarks, never back", () => {
    const statuses = new Statuses();
    const of = (seq: number) => statuses.of(ROOM, seq, "ann", true).status;
    const tell = (up_to_seq: number, status: "DELIVERED" | "READ") => statuses.member({ type: "status", conversation_id: ROOM, user_id: "bob", up_to_seq, status, at: 1 });
    expect(of(1)).toBe("SENT");
    tell(2, "DELIVERED");
    tell(1, "READ");
    expect([1, 2, 3].map(of)).toEqual(["READ", "DELIVERED", "SENT"]);
    tell(1, "DELIVERED");
    expect([1, 2, 3].map(of)).toEqual(["READ", "DELIVERED", "SENT"]);
  });

  test("a group: whatever of its status frames came, in any order, no message shows more than is true", () => {
    const MEMBERS = ["bob", "cat", "dan", "eve"];
    const step = fc.record({ who: fc.nat(3), seq: fc.integer({ min: 1, max: 12 }), read: fc.boolean(), lost: fc.boolean() });
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), fc.boolean(), (steps, joined, left, swap) => {
      fc.pre(joined !== left);
      const statuses = new Statuses();
      // Eve joins late: what is older does not wait for her. Dan leaves: his watermark stands still.
      statuses.moved(ROOM, joined, "eve", true);
      statuses.moved(ROOM, left, "dan", false);
      const marks = new Map(MEMBERS.map((name) => [name, { delivered: 0, read: 0 }]));
      const membersAt = (seq: number) => MEMBERS.filter((name) => (name !== "eve" || joined <= seq) && (name !== "dan" || seq < left));
      const frames: (() => void)[] = [];
      for (const { who, seq, read, lost } of steps) {
        const name = MEMBERS[who] as string;
        if (!membersAt(seq).includes(name)) continue;
        const mark = marks.get(name) as { delivered: number; read: number };
        mark.delivered = Math.max(mark.delivered, seq);
        if (read) mark.read = Math.max(mark.read, seq);
        if (lost) continue;
        const counted = membersAt(seq).map((member) => marks.get(member) as { delivered: number; read: number });
        const count = { delivered: counted.filter((one) => one.delivered >= seq).length, read: counted.filter((one) => one.read >= seq).length, total: counted.length };
        frames.push(() => statuses.member({ type: "status", conversation_id: ROOM, user_id: name, up_to_seq: seq, status: read ? "READ" : "DELIVERED", at: 1 }));
        frames.push(() => statuses.count({ type: "status", conversation_id: ROOM, msg_id: `m${seq}`, seq, ...count }));
      }
      for (const frame of swap ? frames.toReversed() : frames) frame();
      for (let seq = 1; seq <= 12; seq++) {
        const shown = statuses.of(ROOM, seq, "ann", false);
        const members = membersAt(seq).map((name) => marks.get(name) as { delivered: number; read: number });
        expect(shown.delivered).toBeLessThanOrEqual(members.filter((mark) => mark.delivered >= seq).length);
        expect(shown.read).toBeLessThanOrEqual(members.filter((mark) => mark.read >= seq).length);
        if (shown.status === "READ") expect(members.every((mark) => mark.read >= seq)).toBe(true);
        if (shown.status !== "SENT") expect(members.every((mark) => mark.delivered >= seq)).toBe(true);
      }
    }), { numRuns: 1_000 });
  });

  test("all have read the newest: all older ones are READ as well", () => {
    const statuses = new Statuses();
    statuses.count({ type: "status", conversation_id: ROOM, msg_id: "m9", seq: 9, delivered: 3, read: 3, total: 3 });
    expect([2, 9, 10].map((seq) => statuses.of(ROOM, seq, "ann", false).status)).toEqual(["READ", "READ", "SENT"]);
  });
});

describe("typing", () => {
  function world(): { time: Simulation; wire: Line; typing: Typing; changes: string[] } {
    const [time, wire, changes] = [new Simulation(1), line(), [] as string[]];
    return { time, wire, changes, typing: new Typing(time, { write: (frames) => wire.write(frames), exists: (id) => id !== OTHER, changed: (id) => changes.push(id) }) };
  }

  test("keys go out as one word in 3 s, stopping at once, and stopping is not said of what was not begun", async () => {
    const { time, wire, typing } = world();
    for (let i = 0; i < 40; i++) {
      typing.mine(ROOM, true);
      await time.advance(100);
    }
    expect(wire.texts.flat()).toHaveLength(2);
    typing.mine(ROOM, false);
    typing.mine(ROOM, false);
    expect(wire.texts.flat().map(({ on }) => on)).toEqual([true, true, false]);
    typing.mine(ROOM, true);
    typing.sent(ROOM);
    typing.mine(ROOM, false);
    expect(wire.texts.flat()).toHaveLength(4);
  });

  test("another's typing ends after 6 s, with their word, with the connection", async () => {
    const { time, typing, changes } = world();
    typing.shown(ROOM, "bob", true);
    await time.advance(5_000);
    typing.shown(ROOM, "bob", true);
    await time.advance(5_000);
    expect(typing.of(ROOM)).toEqual(["bob"]);
    expect(changes).toHaveLength(1);
    await time.advance(1_000);
    expect(typing.of(ROOM)).toEqual([]);
    typing.shown(ROOM, "bob", true);
    typing.shown(ROOM, "cat", true);
    typing.shown(ROOM, "bob", false);
    expect(typing.of(ROOM)).toEqual(["cat"]);
    typing.disconnected();
    expect(typing.of(ROOM)).toEqual([]);
  });

  test("a conversation is open while a view shows it, and again after a reconnect", () => {
    const { wire, typing } = world();
    const [first, second] = [typing.open(ROOM), typing.open(ROOM)];
    first();
    first();
    typing.connected();
    second();
    typing.connected();
    expect(wire.texts.flat().map(({ type }) => type)).toEqual(["open", "open", "close"]);
    typing.open(OTHER);
    typing.mine(OTHER, true);
    expect(wire.texts.flat()).toHaveLength(3);
  });
});

describe("presence", () => {
  function world(): { time: Simulation; wire: Line; presences: Presences; changes: string[] } {
    const [time, wire, changes] = [new Simulation(1), line(), [] as string[]];
    return { time, wire, changes, presences: new Presences(time, { write: (frames) => wire.write(frames), changed: (id) => changes.push(id) }) };
  }

  test("who is looked at is subscribed to, renewed before it ends, and let go with the last who looked", async () => {
    const { time, wire, presences } = world();
    presences.connected();
    const [one, two] = [presences.watch(["bob", "cat"]), presences.watch(["bob"])];
    await time.advance(0);
    expect(wire.texts).toEqual([[{ type: "presence_sub", users: ["bob", "cat"] }]]);
    await time.advance(59_000);
    expect(wire.texts).toHaveLength(2);
    one();
    await time.advance(0);
    expect(wire.texts.at(-1)).toEqual([{ type: "presence_unsub", users: ["cat"] }]);
    two();
    await time.advance(0);
    const silent = wire.texts.length;
    await time.advance(300_000);
    expect(wire.texts).toHaveLength(silent);
  });

  test("450 users are asked for 200 at a time", async () => {
    const { time, wire, presences } = world();
    presences.connected();
    presences.watch(Array.from({ length: 450 }, (_, i) => `u${i}`));
    await time.advance(0);
    expect(wire.texts.flat().map(({ users }) => (users as string[]).length)).toEqual([200, 200, 50]);
  });

  test("what is known ends with the connection, and is asked for again with the next", async () => {
    const { time, wire, presences, changes } = world();
    presences.connected();
    presences.watch(["bob"]);
    await time.advance(0);
    presences.shown({ user_id: "bob", status: "ONLINE", last_seen: 5 });
    presences.shown({ user_id: "bob", status: "ONLINE", last_seen: 5 });
    presences.shown({ user_id: "eve", status: "ONLINE", last_seen: 5 });
    expect(presences.get("bob")?.status).toBe("ONLINE");
    presences.disconnected();
    expect(presences.get("bob")).toBe(null);
    presences.profile("background");
    presences.connected();
    expect(wire.texts.slice(1)).toEqual([[{ type: "heartbeat", profile: "background" }], [{ type: "presence_sub", users: ["bob"] }]]);
    expect(changes).toEqual(["bob", "bob"]);
  });
});
