// A conversation that grows and shrinks over the thresholds: whatever the mode, nobody misses anything, hears of anything
// outside their stay, or costs a write per message above the threshold.
import fc from "fast-check";
import { expect, test } from "vitest";
import { decideWaiting } from "../../domain/fanout-mode.ts";
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
  const waiting = decideWaiting({ mode, head_seq: head, ...marks });
  const lagging = new Map(world.store.readLagging().map((row) => [row.user_id, row]));
  if (waiting !== "nothing" || lagging.size > 0) expect(world.alarm, "(c) work waits, so an alarm stands").not.toBeNull();
  for (const stay of newest.values()) {
    const settled = world.session(stay.user_id).inbox()?.settled_seq ?? 0;
    // Above the threshold a member is still settled with their own coming and going.
    const own = waiting === "settle" ? 0 : (stay.left_seq ?? stay.joined_seq);
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
  }), { numRuns: size("mode step sequences", 40, 5_000) });
  expect([...modes].toSorted()).toEqual(["pubsub", "read", "write"]);
});
