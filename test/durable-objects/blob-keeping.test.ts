// A content that is held outlives the store's rules; one that nobody needs goes by the sweep, whatever dies on the way.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { MediaHold } from "../../protocol/media-keeping.ts";
import type { MediaReference } from "../../protocol/rpc/media.ts";
import { size } from "../sizes.ts";
import { BlobWorld, DAY, Died, HELD, KEY } from "./blob-world.ts";

const MINUTE = 60_000;
const GROUP = `g.${"1".repeat(32)}`;
const OTHER = `g.${"2".repeat(32)}`;
const byAnn: MediaReference = { conversation_id: GROUP, sender_id: "ann", client_msg_id: "a1" };
const byBob: MediaReference = { conversation_id: OTHER, sender_id: "bob", client_msg_id: "b1" };
const HOLDS = { conversation: { kind: "conversation" as const, id: GROUP }, user: { kind: "user" as const, id: "ann" } };

async function sent(...references: MediaReference[]): Promise<BlobWorld> {
  const world = new BlobWorld();
  for (const reference of references) expect(await world.send(reference)).toBe(true);
  await world.pass(20 * MINUTE);
  return world;
}

test.each(Object.entries(HOLDS))("[M14] held by a %s a content lies below h/ too, outlives the store's rules, and is served from there; released it goes", async (_kind, hold) => {
  const world = await sent(byAnn);
  expect(await world.content.keeping.hold({ hold, held: true })).toEqual({ kept: true });
  expect([...world.objects.keys()]).toEqual([KEY, `${HELD}.1`]);
  expect(world.located()).toBe(`${HELD}.1`);
  await world.pass(400 * DAY);
  world.expire();
  expect(world.sweep().map(({ fate }) => fate)).toEqual(["held"]);
  expect(world.located()).toBe(`${HELD}.1`);
  expect(await world.content.keeping.hold({ hold, held: false })).toEqual({ kept: false });
  await world.pass(2 * 3_600_000);
  expect([...world.objects.keys()]).toEqual([]);
});

test("[M14] of two holds the other one goes on; asked for again nothing is copied", async () => {
  const world = await sent(byAnn);
  for (const hold of [HOLDS.user, HOLDS.conversation, HOLDS.user]) expect(await world.content.keeping.hold({ hold, held: true })).toEqual({ kept: true });
  expect(world.objects.size).toBe(2);
  await world.content.keeping.hold({ hold: HOLDS.user, held: false });
  await world.pass(2 * DAY);
  expect(world.located()).toBe(`${HELD}.1`);
  await world.content.keeping.hold({ hold: HOLDS.conversation, held: false });
  await world.pass(2 * DAY);
  expect(world.located()).toBe(KEY);
});

test("[M14] a release while the content is copied wins, and so does the first of two holds", async () => {
  const world = await sent(byAnn);
  world.meanwhile = () => world.content.keeping.hold({ hold: HOLDS.user, held: false });
  expect(await world.content.keeping.hold({ hold: HOLDS.user, held: true })).toEqual({ kept: false });
  world.meanwhile = async () => undefined;
  await world.pass(DAY);
  expect([...world.objects.keys()]).toEqual([KEY]);
  const both = await Promise.all([HOLDS.user, HOLDS.conversation].map((hold) => world.content.keeping.hold({ hold, held: true })));
  expect(both).toEqual([{ kept: true }, { kept: true }]);
  await world.pass(DAY);
  expect([...world.objects.keys()]).toEqual([KEY, world.located()]);
});

test("[M14] a hold that is about no message of it holds nothing; what is gone can't be held", async () => {
  const world = await sent(byAnn);
  expect(await world.content.keeping.hold({ hold: { kind: "user", id: "bob" }, held: true })).toEqual({ kept: false });
  expect(await world.content.keeping.hold({ hold: { kind: "conversation", id: OTHER }, held: true })).toEqual({ kept: false });
  expect(await new BlobWorld().content.keeping.hold({ hold: HOLDS.user, held: true })).toEqual({ kept: false });
  await world.pass(400 * DAY);
  world.expire();
  expect(await world.content.keeping.hold({ hold: HOLDS.user, held: true })).toEqual({ kept: false });
  await world.pass(DAY);
  expect([...world.objects.keys()]).toEqual([]);
});

test("[M14] a hold ends with the last message that it is about: what was deleted under it goes after its grace", async () => {
  const world = await sent(byAnn, byBob);
  await world.content.keeping.hold({ hold: HOLDS.conversation, held: true });
  world.delete(byAnn);
  await world.pass(2 * DAY);
  expect([...world.objects.keys()]).toEqual([KEY]);
  world.delete(byBob);
  await world.pass(6 * DAY);
  expect([...world.objects.keys()]).toEqual([KEY]);
  await world.pass(2 * DAY);
  expect([...world.objects.keys()]).toEqual([]);
});

test("[M14] what is sent on from a held content after the store's rule took the other object does not go with the hold", async () => {
  const world = await sent(byAnn);
  await world.content.keeping.hold({ hold: HOLDS.user, held: true });
  await world.pass(400 * DAY);
  world.expire();
  expect(await world.send(byBob, false)).toBe(true);
  await world.content.keeping.hold({ hold: HOLDS.user, held: false });
  await world.pass(DAY);
  expect(world.located()).toMatch(new RegExp(`^${KEY}\\.\\d+$`));
});

test("[M15] of an erased person's content that nobody else has nothing is left at once; what somebody else has as well stays", async () => {
  const world = await sent(byAnn, byBob);
  world.delete(byAnn, true);
  await world.pass(0);
  expect(world.located()).toBe(KEY);
  world.delete(byBob, true);
  await world.pass(0);
  expect([...world.objects.keys()]).toEqual([]);
  // Even one that was sent a moment ago, when a claim would have to be waited for.
  const fresh = new BlobWorld();
  await fresh.send(byAnn);
  fresh.delete(byAnn, true);
  await fresh.pass(0);
  expect([...fresh.objects.keys()]).toEqual([]);
});

test("[M15] somebody who sends an erased person's content afterwards has it with the usual grace", async () => {
  const world = await sent(byAnn);
  world.delete(byAnn, true);
  expect(await world.send(byBob)).toBe(true);
  await world.pass(DAY);
  world.delete(byBob);
  await world.pass(6 * DAY);
  expect(world.located()).toBe(KEY);
  await world.pass(2 * DAY);
  expect(world.objects.size).toBe(0);
});

test("[M13] where the store has no rules the sweep takes what is past its time; whoever sends it again has it again", async () => {
  const world = await sent(byAnn);
  await world.pass(364 * DAY);
  expect(world.sweep().map(({ fate }) => fate)).toEqual(["referenced"]);
  await world.pass(2 * DAY);
  expect(world.sweep(true)).toEqual([{ name: KEY, fate: "expired" }]);
  await world.pass(DAY);
  expect(world.located()).toBe(KEY);
  expect(world.sweep()).toEqual([{ name: KEY, fate: "expired" }]);
  expect(world.content.locate()).toMatchObject({ ok: false, code: "media_expired" });
  await world.pass(DAY);
  expect([...world.objects.keys()]).toEqual([]);
  expect(await world.send(byBob)).toBe(true);
  await world.pass(DAY);
  expect(world.located()).toMatch(new RegExp(`^${KEY}\\.\\d+$`));
  expect(world.sweep().map(({ fate }) => fate)).toEqual(["referenced"]);
});

test("[M13] objects that nobody knows go after their grace, and what is sent meanwhile is not among them", async () => {
  const world = new BlobWorld();
  world.objects.set(KEY, world.now);
  world.objects.set(`${HELD}.4`, world.now);
  await world.pass(6 * DAY);
  expect(world.sweep().map(({ fate }) => fate)).toEqual(["young", "young"]);
  await world.pass(2 * DAY);
  expect(world.sweep().map(({ fate }) => fate)).toEqual(["unknown", "unknown"]);
  expect(await world.send(byAnn)).toBe(true);
  await world.pass(DAY);
  expect([...world.objects.keys()]).toEqual([world.located()]);
  expect(world.located()).not.toBe(KEY);
});

type Step = { do: "send" | "forward" | "delete" | "erase" | "hold" | "release"; who: number; how: 0 | 1 } | { do: "pass"; hours: number } | { do: "sweep" | "expire" };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("send" as const, "forward" as const, "delete" as const, "erase" as const, "hold" as const, "release" as const), who: fc.nat(3), how: fc.constantFrom(0 as const, 1 as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass" as const), hours: fc.constantFrom(0, 1, 24, 200, 24 * 370) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("sweep" as const, "expire" as const) }) },
);
const PEOPLE = ["ann", "bob"] as const;
const PLACES = [GROUP, OTHER] as const;
const referenceOf = (who: number, no: number): MediaReference => ({ conversation_id: PLACES[who >> 1] as string, sender_id: PEOPLE[who & 1] as string, client_msg_id: `${who}-${no}` });
const holdOf = (who: number, how: 0 | 1) => (how === 0 ? { kind: "conversation" as const, id: PLACES[who >> 1] as string } : { kind: "user" as const, id: PEOPLE[who & 1] as string });

type Messages = Map<string, { reference: MediaReference; at: number }>;
const concerns = ({ kind, id }: MediaHold, { conversation_id, sender_id }: MediaReference): boolean => (kind === "user" ? sender_id : conversation_id) === id;

/** Of a hold, whether the content is kept by it. */
async function take(world: BlobWorld, given: Step, no: number, messages: Messages): Promise<boolean | void> {
  switch (given.do) {
    case "send":
    case "forward": {
      const reference = referenceOf(given.who, no);
      if (await world.send(reference, given.do === "send")) messages.set(reference.client_msg_id, { reference, at: world.now });
      return;
    }
    case "delete":
    case "erase":
      for (const [key, { reference }] of messages) {
        if (reference.sender_id !== PEOPLE[given.who & 1]) continue;
        messages.delete(key);
        world.delete(reference, given.do === "erase");
      }
      return;
    case "hold":
    case "release":
      return (await world.content.keeping.hold({ hold: holdOf(given.who, given.how), held: given.do === "hold" })).kept;
    case "pass":
      return world.pass(given.hours * 3_600_000);
    case "sweep":
      world.sweep();
      return;
    case "expire":
      return world.expire();
  }
}

test("[M13] [M14] whatever dies: what a message within its time refers to is there, what a whole hold keeps is there, and in the end nothing is left of what nobody refers to", { timeout: 300_000 }, async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), fc.nat(40), fc.boolean(), async (steps, left, behind) => {
    const world = new BlobWorld();
    world.left = left === 0 ? Number.POSITIVE_INFINITY : left;
    world.behind = behind;
    const messages: Messages = new Map();
    const holds = new Map<string, MediaHold>();
    for (const [no, given] of steps.entries()) {
      const hold = given.do === "hold" || given.do === "release" ? holdOf(given.who, given.how) : null;
      // What is released in part is not kept any more.
      if (hold !== null && given.do === "release") holds.delete(JSON.stringify(hold));
      let kept: boolean | void = false;
      try {
        kept = await take(world, given, no, messages);
      } catch (error) {
        if (!(error instanceof Died)) throw error;
        // Who asked for it asks again.
        if (hold !== null) kept = await take(world, given, no, messages);
      }
      if (hold !== null && kept === true) holds.set(JSON.stringify(hold), hold);
      const references = [...messages.values()];
      for (const [name, standing] of holds) if (!references.some(({ reference }) => concerns(standing, reference))) holds.delete(name);
      // A rule of the store goes by the age of objects: what is sent on is written anew where it is a day older than that.
      const wanted = holds.size > 0 || references.some(({ at }) => world.now - at < world.kept.retention_ms - DAY);
      if (wanted) expect(world.located(), JSON.stringify([given, [...holds.keys()]])).not.toBeNull();
    }
    world.left = Number.POSITIVE_INFINITY;
    for (const { reference } of messages.values()) world.delete(reference);
    await world.pass(30 * DAY);
    world.sweep();
    await world.pass(30 * DAY);
    world.sweep();
    await world.pass(30 * DAY);
    expect([...world.objects.keys()].filter((name) => !name.startsWith("up/"))).toEqual([]);
  }), { numRuns: size("kept contents", 300, 5_000) });
});
