// A conversation that grows and shrinks over the thresholds: whatever the mode, nobody misses anything, hears of anything
// outside their stay, or costs a write per message above the threshold.
import fc from "fast-check";
import { expect, test } from "vitest";
import { size } from "../sizes.ts";
import { type Session, World } from "./world.ts";

const USERS = ["ann", "bob", "cat", "dan", "eve", "fay", "gus", "hal"];
const RULE = { fanout_write_max: 3, fanout_write_again: 2, fanout_read_max: 5, fanout_read_again: 4 };

type Step =
  | { do: "append" | "connect" | "disconnect" | "open" | "close" | "add" | "remove" | "fail"; user: string }
  | { do: "crash" | "fire" | "quiet" | "pass" };

const user = fc.constantFrom(...USERS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("append" as const), user }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom("connect" as const, "disconnect" as const, "open" as const, "close" as const, "fail" as const), user }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("add" as const, "remove" as const), user }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom("crash" as const, "fire" as const, "quiet" as const, "pass" as const) }) },
);

function grown(users: string[], settings: Partial<World["settings"]> = RULE): World {
  const world = new World(users);
  Object.assign(world.settings, settings);
  return world;
}

/** What each session must have heard by the end: all above this. */
class Expected {
  readonly since = new Map<string, number>();
  readonly openSince = new Map<string, number>();

  note(world: World, { user: name, do: what }: { user: string; do: string }): void {
    const head = world.state.head.seq;
    const session = world.session(name);
    if (what === "connect" && !this.since.has(name)) this.since.set(name, head);
    if (what === "disconnect") this.since.delete(name);
    if (what === "open" && session.viewing && !this.openSince.has(name)) this.openSince.set(name, head);
    if (what === "disconnect" || what === "close" || what === "remove") this.openSince.delete(name);
  }
}

async function take(world: World, given: Step, expected: Expected): Promise<void> {
  switch (given.do) {
    case "append": return world.append(given.user);
    case "connect": expected.note(world, given); return world.connect(given.user);
    case "disconnect": world.disconnect(given.user); return expected.note(world, given);
    case "open": world.view(given.user, true); return expected.note(world, given);
    case "close": world.view(given.user, false); return expected.note(world, given);
    case "add": return world.add(given.user);
    case "remove": world.remove(given.user); world.session(given.user).viewing = false; return expected.note(world, given);
    case "fail": world.session(given.user).fails += 1; return;
    case "crash": return world.crash();
    case "fire": return world.fire();
    case "quiet": return world.quiet();
    case "pass": world.now += 700; return;
  }
}

interface StayRow {
  user_id: string;
  joined_seq: number;
  left_seq: number | null;
}

function checkAlways(world: World, before: Map<string, number>): void {
  const stays = world.store.sql.all("SELECT user_id, joined_seq, left_seq FROM stays ORDER BY joined_seq") as unknown as StayRow[];
  const newest = new Map(stays.map((stay) => [stay.user_id, stay]));
  const marks = world.store.readWatermarks();
  const { mode } = world.store.readConversation() as { mode: "write" };
  const head = world.store.readHead()?.seq ?? 0;
  const reached = mode === "write" ? marks.fanout_seq : Math.max(marks.fanout_seq, marks.told_seq);
  const waiting = head > reached || marks.fanout_seq < marks.mode_seq;
  const lagging = new Map(world.store.readLagging().map((row) => [row.user_id, row]));
  if (waiting || lagging.size > 0) expect(world.alarm, "(c) work waits, so an alarm stands").not.toBeNull();
  for (const stay of newest.values()) {
    const settled = world.session(stay.user_id).inbox()?.settled_seq ?? 0;
    // Above the threshold a member is still settled with their own coming and going.
    const own = mode === "write" || marks.fanout_seq < marks.mode_seq ? 0 : (stay.left_seq ?? stay.joined_seq);
    const owed = Math.max(Math.min(marks.fanout_seq, stay.left_seq ?? marks.fanout_seq), own);
    if (owed < stay.joined_seq || settled >= owed) continue;
    expect(lagging.get(stay.user_id)?.owed_from ?? Infinity, `(a) ${stay.user_id} settled ${settled} of ${owed}`).toBeLessThanOrEqual(owed);
  }
  for (const session of world.sessions.values()) {
    const settled = session.inbox()?.settled_seq ?? 0;
    expect(settled, "(b) settled_seq never regresses").toBeGreaterThanOrEqual(before.get(session.userId) ?? 0);
    before.set(session.userId, settled);
    const own = stays.filter((stay) => stay.user_id === session.userId);
    for (const seq of [...session.got, ...session.notified]) {
      expect(own.some((stay) => stay.joined_seq <= seq && seq <= (stay.left_seq ?? Infinity)), `(d) ${session.userId} heard of ${seq}`).toBe(true);
    }
  }
}

async function settleAll(world: World): Promise<void> {
  for (const session of world.sessions.values()) session.fails = 0;
  await world.quiet();
  for (let rounds = 0; world.alarm !== null; rounds += 1) {
    expect(rounds, "the alarms come to an end").toBeLessThan(20);
    await world.fire();
  }
}

function checkHeard(world: World, session: Session, expected: Expected): void {
  const { mode } = world.state.record;
  const head = world.state.head.seq;
  const stay = world.state.members.get(session.userId);
  const since = expected.since.get(session.userId);
  if (stay === undefined || since === undefined) return;
  const bodiesSince = mode === "write" ? since : expected.openSince.get(session.userId);
  if (mode === "read" && head > since) {
    expect(Math.max(...session.got, ...session.notified, 0), `(e) ${session.userId} knows of the head, in ${mode}`).toBe(head);
  }
  if (bodiesSince === undefined || mode === "write") return;
  for (let seq = Math.max(bodiesSince + 1, stay.joined_seq, head - 40); seq <= head; seq += 1) {
    expect(new Set(session.got), `(e) ${session.userId} has it open and lacks ${seq}, in ${mode}`).toContain(seq);
  }
}

const doing = (what: Exclude<Step, { do: "crash" | "fire" | "quiet" | "pass" }>["do"], name: string): Step => ({ do: what, user: name });
/** What was found once is tried for ever. */
const FOUND: [number, Step[]][] = [
  // Back from a crash, who closes it was not told of what came before.
  [7, [doing("connect", "ann"), doing("remove", "fay"), doing("remove", "bob"), doing("remove", "eve"), { do: "crash" }, doing("append", "ann"), doing("close", "ann")]],
];

test("[B13] [fan-out a–e] over mode switches, comings and goings, crashes and failing sessions", async () => {
  const modes = new Set<string>();
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 7 }), fc.array(step, { minLength: 5, maxLength: 40 }), async (members, steps) => {
    const world = grown(USERS.slice(0, members));
    const [before, expected] = [new Map<string, number>(), new Expected()];
    for (const given of steps) {
      await take(world, given, expected);
      checkAlways(world, before);
      modes.add(world.state.record.mode);
    }
    await settleAll(world);
    checkAlways(world, before);
    for (const session of world.sessions.values()) checkHeard(world, session, expected);
    if (world.state.record.mode !== "write") return;
    for (const stay of world.state.members.values()) expect(world.session(stay.user_id).inbox()?.settled_seq).toBe(world.state.head.seq);
  }), { numRuns: size("mode step sequences", 40, 5_000), examples: FOUND });
  expect([...modes].toSorted()).toEqual(["pubsub", "read", "write"]);
});

/** Five members, in the mode `read`, everybody settled; bob is online and cat has it open. */
async function reading(): Promise<World> {
  const world = grown(USERS.slice(0, 4));
  await settleAll(world);
  world.add("eve");
  await settleAll(world);
  world.connect("bob");
  world.connect("cat");
  world.view("cat", true);
  expect(world.state.record.mode).toBe("read");
  return world;
}

test("[G7] what was committed and not told before a crash is told by the alarm", async () => {
  const world = await reading();
  world.append("ann");
  world.crash();
  const head = world.state.head.seq;
  await settleAll(world);
  expect([world.session("bob").notified.at(-1), world.session("cat").got.at(-1)]).toEqual([head, head]);
  expect(world.store.readWatermarks().told_seq).toBe(head);
});

test("[G7] who could not be told is owed it, over a crash as well", async () => {
  const world = await reading();
  world.session("bob").fails = 2;
  world.append("ann");
  await world.quiet();
  await world.fire();
  expect(world.store.readLagging().map((row) => row.user_id)).toEqual(["bob"]);
  world.crash();
  await settleAll(world);
  expect(world.session("bob").inbox()?.settled_seq).toBe(world.state.head.seq);
});

test("[G6] a message moves nobody's inbox, whoever is online; who joins or leaves is settled alone", async () => {
  const world = await reading();
  const settled = () => USERS.slice(0, 5).map((name) => world.session(name).inbox()?.settled_seq);
  const before = settled();
  for (let i = 0; i < 20; i += 1) world.append("ann");
  await settleAll(world);
  expect(settled()).toEqual(before);
  expect(world.store.readLagging()).toEqual([]);
  world.remove("dan");
  await settleAll(world);
  expect(settled()).toEqual(before.map((seq, i) => (i === 3 ? world.state.head.seq : seq)));
});

test("[G12] who is removed while a call to them is under way is attached no more", async () => {
  const world = await reading();
  world.append("ann");
  world.remove("cat");
  await settleAll(world);
  expect(world.store.sql.all("SELECT user_id FROM attached").map((row) => row["user_id"])).toEqual(["bob"]);
  const heard = [...world.session("cat").got, ...world.session("cat").notified];
  world.append("ann");
  await settleAll(world);
  expect([...world.session("cat").got, ...world.session("cat").notified]).toEqual(heard);
});

test("[G5] back in write, everybody is settled from where they are, who was away as well", async () => {
  const world = await reading();
  for (let i = 0; i < 5; i += 1) world.append("ann");
  for (const name of ["eve", "dan", "cat"]) world.remove(name);
  expect(world.state.record.mode).toBe("write");
  await settleAll(world);
  const head = world.state.head.seq;
  expect(["ann", "bob"].map((name) => world.session(name).inbox())).toMatchObject([{ settled_seq: head, mode: "write" }, { settled_seq: head, mode: "write" }]);
});

test("[fan-out e] what a round that failed was to bring is owed to who has the conversation open, also by an object that has begun anew", async () => {
  const world = grown(["ann", "bob", "cat", "dan"]);
  world.connect("bob");
  world.append("ann");
  while (world.alarm !== null) await world.fire();
  expect(world.state.record.mode).not.toBe("write");
  world.view("bob", true);
  await world.quiet();
  const bob = world.session("bob");
  bob.fails = 10;
  world.append("ann");
  const { seq } = world.state.head;
  while (world.state.marks.told_seq < seq) await world.fire();
  expect(world.fanout.rounds.owed).toBe(1);
  expect(bob.got).not.toContain(seq);
  bob.fails = 0;
  world.crash();
  while (world.fanout.rounds.owed > 0) await world.fire();
  expect(bob.got).toContain(seq);
});
