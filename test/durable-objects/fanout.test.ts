import fc from "fast-check";
import { expect, test } from "vitest";
import { size } from "../sizes.ts";
import { World } from "./world.ts";

const USERS = ["ann", "bob", "cat", "dan"];
const OTHERS = ["eve", "fay"];

type Step =
  | { do: "append" | "connect" | "disconnect" | "add" | "remove" | "fail" | "break" | "comes"; user: string }
  | { do: "crash" | "fire" | "quiet" | "pass" };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("append" as const), user: fc.constantFrom(...USERS) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("break" as const, "comes" as const), user: fc.constantFrom(...USERS) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom("connect" as const, "disconnect" as const, "fail" as const), user: fc.constantFrom(...USERS, ...OTHERS) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("add" as const, "remove" as const), user: fc.constantFrom("cat", "dan", ...OTHERS) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("crash" as const, "fire" as const, "quiet" as const, "pass" as const) }) },
);

async function take(world: World, given: Step): Promise<void> {
  switch (given.do) {
    case "append": return world.append(given.user);
    case "connect": return world.connect(given.user);
    case "disconnect": return world.disconnect(given.user);
    case "add": return world.add(given.user);
    case "remove": return world.remove(given.user);
    case "fail": world.session(given.user).fails += 1; return;
    case "break": return world.lines.forEach((line) => line.userId === given.user && line.break());
    // One more device, which has everything.
    case "comes": return world.session(given.user).connected && world.state.members.has(given.user) ? world.resume(given.user, world.state.head.seq) : undefined;
    case "crash": return world.crash();
    case "fire": return world.fire();
    case "quiet": return world.quiet();
    case "pass": world.now += 700; return;
  }
}

/** Everybody who ever was a member, with the stays that let them see. */
function staysOf(world: World): { user_id: string; joined_seq: number; left_seq: number | null }[] {
  return world.store.sql.all("SELECT user_id, joined_seq, left_seq FROM stays ORDER BY joined_seq") as never;
}

function checkAlways(world: World, before: Map<string, { settled: number; gen: number }>): void {
  const { fanout_seq } = world.store.readWatermarks();
  const head = world.store.readHead()?.seq ?? 0;
  const lagging = new Map(world.store.readLagging().map((row) => [row.user_id, row]));
  if (head > fanout_seq || lagging.size > 0) expect(world.alarm, "(c) work waits, so an alarm stands").not.toBeNull();
  for (const stay of staysOf(world)) {
    const settled = world.session(stay.user_id).inbox()?.settled_seq ?? 0;
    const owed = Math.min(fanout_seq, stay.left_seq ?? fanout_seq);
    const newest = staysOf(world).filter((other) => other.user_id === stay.user_id).every((other) => other.joined_seq <= stay.joined_seq);
    if (newest && owed >= stay.joined_seq && settled < owed) {
      expect(lagging.get(stay.user_id)?.owed_from ?? Infinity, `(a) ${stay.user_id} settled ${settled} of ${owed}`).toBeLessThanOrEqual(owed);
    }
  }
  for (const session of world.sessions.values()) {
    const was = before.get(session.userId) ?? { settled: 0, gen: 0 };
    const settled = session.inbox()?.settled_seq ?? 0;
    expect(settled, "(b) settled_seq never regresses").toBeGreaterThanOrEqual(was.settled);
    before.set(session.userId, { settled, gen: session.gen });
    const stays = staysOf(world).filter((stay) => stay.user_id === session.userId);
    for (const seq of session.got) {
      expect(stays.some((stay) => stay.joined_seq <= seq && seq <= (stay.left_seq ?? Infinity)), `(d) ${session.userId} got ${seq}`).toBe(true);
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

test.each([0, 1])("[fan-out a–d] with lines after %i pushes: settled, lagging, alarms and stays hold after every step, over crashes and failing sessions", async (lines_after) => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
    const world = new World(USERS);
    world.settings.lines_after = lines_after;
    const before = new Map<string, { settled: number; gen: number }>();
    for (const given of steps) {
      await take(world, given);
      checkAlways(world, before);
    }
    await settleAll(world);
    checkAlways(world, before);
    const head = world.store.readHead()?.seq ?? 0;
    expect(world.store.readWatermarks().fanout_seq).toBe(head);
    for (const stay of world.state.members.values()) expect(world.session(stay.user_id).inbox()?.settled_seq).toBe(head);
  }), { numRuns: size("fan-out step sequences", 100, 5_000) });
});

test.each([0, 1])("[fan-out e] with lines after %i pushes a live session gets every event of its stay at least once, whatever crashes", async (lines_after) => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
    const world = new World(USERS);
    world.settings.lines_after = lines_after;
    await settleAll(world);
    for (const user of USERS) world.connect(user);
    const from = world.state.head.seq + 1;
    for (const given of steps) if (given.do !== "disconnect" && given.do !== "connect") await take(world, given);
    await settleAll(world);
    // Who left and came back reads from where they came back.
    const newest = new Map(staysOf(world).map((stay) => [stay.user_id, stay]));
    for (const stay of [...newest.values()].filter((one) => USERS.includes(one.user_id))) {
      const got = new Set(world.session(stay.user_id).got);
      const head = stay.left_seq ?? world.state.head.seq;
      // A delivery brings the newest 50; what is behind them the client pulls.
      for (let seq = Math.max(from, stay.joined_seq, head - 40); seq <= head; seq += 1) expect(got, `${stay.user_id} lacks ${seq}`).toContain(seq);
    }
  }), { numRuns: size("fan-out delivery sequences", 60, 5_000) });
});

test("[fan-out] an idle conversation settles at once, a busy one within settle_after_ms", async () => {
  const world = new World(["ann", "bob"]);
  await world.quiet();
  expect(world.store.readWatermarks().fanout_seq).toBe(1);
  world.now += 5_000;
  world.append("ann");
  await world.quiet();
  expect(world.session("bob").inbox()?.settled_seq).toBe(2);
  world.append("ann");
  await world.quiet();
  expect(world.session("bob").inbox()?.settled_seq).toBe(2);
  const due = world.alarm as number;
  expect(due - world.now).toBeLessThanOrEqual(3_000);
  while (world.store.readWatermarks().fanout_seq < 3) await world.fire();
  expect(world.session("bob").inbox()?.settled_seq).toBe(3);
});

test("[fan-out] one slow session delays nobody", async () => {
  const world = new World(["ann", "bob", "cat"]);
  await world.quiet();
  for (const user of ["ann", "bob", "cat"]) world.connect(user);
  world.now += 5_000;
  const bob = world.session("bob");
  let release: (() => void) | undefined;
  const plain = bob.deliver.bind(bob);
  const hold = new Promise<void>((resolve) => {
    release = resolve;
  });
  bob.deliver = ((...given: Parameters<typeof plain>) => hold.then(() => plain(...given))) as never;
  const heard = (async () => {
    while (!world.session("cat").got.includes(4)) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  })();
  world.append("ann");
  world.append("ann");
  world.append("ann");
  await heard;
  expect(bob.got).not.toContain(4);
  release?.();
});

/** Bob's first device is there and knows everything; ann's messages go in where nobody knows that he is. */
async function forgotten(unsettled: (world: World) => Promise<void>): Promise<World> {
  const world = new World(["ann", "bob"]);
  await world.quiet();
  world.now += 5_000;
  world.connect("bob");
  await world.quiet();
  // One settles at once, the next one waits, and those behind it wait with it.
  world.append("ann");
  await world.quiet();
  world.append("ann");
  await world.quiet();
  expect(world.session("bob").got).toEqual([2, 3]);
  await unsettled(world);
  return world;
}

const LATER = [
  ["a device that comes", (world: World) => world.resume("bob", world.state.head.seq)],
  ["a call that says that its user is there, and that was under way for long", (world: World) => world.fanout.attach({ user_id: "bob", gen: world.session("bob").gen })],
] as const;

test.each(LATER)("[fan-out e] whoever was there is told what went in after the conversation had forgotten them, also where it hears of them from %s", async (_name, later) => {
  const world = await forgotten(async (crashing) => {
    crashing.crash();
    crashing.append("ann");
    await crashing.quiet();
  });
  expect(world.session("bob").got).toEqual([2, 3]);
  later(world);
  while (world.state.marks.fanout_seq < world.state.head.seq) await world.fire();
  expect(new Set(world.session("bob").got)).toEqual(new Set([2, 3, 4]));
});

test.each(LATER)("[fan-out e] whoever was there is told what a call that failed was to bring, also where the conversation hears of them from %s", async (_name, later) => {
  const world = await forgotten(async (failing) => {
    failing.session("bob").fails = 1;
    failing.append("ann");
    await failing.quiet();
  });
  expect(world.session("bob").got).toEqual([2, 3]);
  later(world);
  while (world.state.marks.fanout_seq < world.state.head.seq) await world.fire();
  expect(new Set(world.session("bob").got)).toEqual(new Set([2, 3, 4]));
});

test("[R10] what a device may have acknowledged is said to be a repeat, and nothing that went in after it heard of it", async () => {
  const world = await forgotten(async (crashing) => {
    crashing.crash();
    crashing.append("ann");
    await crashing.quiet();
  });
  world.resume("bob", world.state.head.seq);
  world.append("ann");
  await world.quiet();
  expect(new Set(world.session("bob").got)).toEqual(new Set([2, 3, 4, 5]));
  expect(world.session("bob").repeated).toBe(4);
});

test("[fan-out e] what a settle that failed was to bring is owed also to whoever says that they are there before it is tried again", async () => {
  const world = await forgotten(async (failing) => {
    failing.session("bob").fails = 10;
    failing.append("ann");
    await failing.quiet();
    while (failing.state.marks.fanout_seq < failing.state.head.seq) await failing.fire();
    expect(failing.fanout.rounds.owed).toBe(1);
    failing.session("bob").fails = 0;
  });
  world.resume("bob", world.state.head.seq);
  while (world.fanout.rounds.owed > 0) await world.fire();
  expect(new Set(world.session("bob").got)).toEqual(new Set([2, 3, 4]));
});

test("[fan-out e] a device that is the only one, and has come with what it lacked, is pushed nothing of it once more", async () => {
  const world = await forgotten(async (crashing) => {
    crashing.crash();
    crashing.append("ann");
    await crashing.quiet();
  });
  world.resume("bob", 3, true);
  while (world.state.marks.fanout_seq < world.state.head.seq) await world.fire();
  expect(world.session("bob").got).toEqual([2, 3]);
});
