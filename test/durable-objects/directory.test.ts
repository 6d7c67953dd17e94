// The directory against what sessions have committed, with crashes, lost answers and late calls: one handle has one user,
// and once all is told it says just what the sessions say.
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { findPeople } from "../../durable-objects/directory/find.ts";
import { wordShard } from "../../durable-objects/directory/shards.ts";
import { Shard } from "../../durable-objects/directory/shard.ts";
import { DirectoryStore } from "../../durable-objects/directory/store.ts";
import { indexedWords } from "../../domain/users.ts";
import { size } from "../sizes.ts";
import { DirectoryWorld, type Fate } from "./directory-world.ts";
import { nodeSql } from "./sqlite.ts";

// Each lost claim is a line of the log.
vi.mock("../../log/log.ts", () => ({ log: () => undefined, errorFields: () => ({}) }));

const USERS = ["ann", "bob", "cat"];
const HANDLES = ["one", "two", "six"];
const NAMES = ["Ann Lee", "Bob", "Zoë Lee", null];

type Step =
  | { do: "handle"; user: number; handle: string | null }
  | { do: "name"; user: number; name: string | null }
  | { do: "listed"; user: number; discoverable: boolean }
  | { do: "access"; user: number; deactivated: boolean }
  | { do: "land"; which: number; fate: Fate }
  | { do: "late" | "die" | "fire"; which: number };

const user = fc.nat(USERS.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("handle" as const), user, handle: fc.constantFrom(...HANDLES, ...HANDLES, null) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("name" as const), user, name: fc.constantFrom(...NAMES) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("listed" as const), user, discoverable: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("access" as const), user, deactivated: fc.boolean() }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant("land" as const), which: fc.nat(9), fate: fc.constantFrom<Fate>("arrives", "arrives", "arrives", "answer lost", "lost", "late") }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("late" as const, "die" as const), which: fc.nat(9) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("fire" as const), which: fc.nat(9) }) },
);

/** Found by chance once: a claim that was late when another one of the same was refused. */
const FOUND: Step[][] = [[
  { do: "handle", user: 0, handle: "one" }, { do: "handle", user: 0, handle: "two" }, { do: "handle", user: 1, handle: "two" },
  { do: "land", which: 0, fate: "arrives" }, { do: "land", which: 1, fate: "late" }, { do: "land", which: 0, fate: "arrives" },
  { do: "handle", user: 0, handle: "two" }, { do: "land", which: 0, fate: "arrives" }, { do: "handle", user: 1, handle: null },
]];

async function take(world: DirectoryWorld, given: Step): Promise<void> {
  switch (given.do) {
    case "handle": return world.change(given.user, { handle: given.handle });
    case "name": return world.change(given.user, { name: given.name });
    case "listed": return world.change(given.user, { discoverable: given.discoverable });
    case "access": return world.access(given.user, given.deactivated);
    case "land": return world.land(given.which, given.fate);
    case "late": return world.landLate(given.which);
    case "die": return world.die(given.which % USERS.length);
    case "fire": return world.fire(given.which % USERS.length);
  }
}

async function checkAlways(world: DirectoryWorld): Promise<void> {
  const held = world.sessions.map(({ handle }) => handle).filter((handle) => handle !== null);
  expect(new Set(held).size, `one handle, one user: ${held.join(" ")}`).toBe(held.length);
  for (const session of world.sessions) {
    if (session.handle !== null) expect(await world.holderOf(session.handle), "whoever shows a handle holds it").toBe(session.userId);
  }
}

async function checkSettled(world: DirectoryWorld): Promise<void> {
  for (const handle of HANDLES) {
    expect([handle, await world.holderOf(handle)]).toEqual([handle, world.sessions.find((session) => session.handle === handle)?.userId ?? null]);
  }
  const accounts = world.sessions.map(({ userId, users }) => ({ userId, account: users.readAccount() }));
  for (const word of ["ann", "lee", "bob", "zoe", ...HANDLES]) {
    const found = await world.shard(wordShard(word)).find({ words: [word], limit: 10 });
    const wanted = accounts.filter(({ account }) =>
      account !== null && account.deactivated_at === null && account.profile.discoverable && indexedWords(account.profile).includes(word));
    expect([word, found.toSorted((a, b) => (a.user_id < b.user_id ? -1 : 1))]).toEqual([word, wanted.map(({ userId, account }) => (
      { user_id: userId, name: account?.profile.name, handle: account?.profile.handle, avatar_key: null }
    ))]);
  }
}

test("[U3] [U12] whatever is lost, late or dies: no handle has two users, and the directory ends as the sessions are", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80 }), async (steps) => {
    const world = new DirectoryWorld(USERS);
    for (const given of steps) {
      await take(world, given);
      await world.quiet();
      world.now += 1;
      await checkAlways(world);
    }
    await world.settle();
    await checkSettled(world);
    while (world.late.length > 0) await world.landLate(0);
    await checkAlways(world);
    await checkSettled(world);
  }), { numRuns: size("directory histories", 50, 1_500), examples: FOUND.map((steps) => [steps]) });
});

test("[U12] what was given up is forgotten after a day, a few rows with each change", async () => {
  const sql = nodeSql();
  let now = 0;
  const shard = new Shard(new DirectoryStore(sql), () => now);
  for (let i = 0; i < 25; i += 1) {
    await shard.claim({ handle: `h-${i}`, user_id: "ann", rev: 2 * i + 1 });
    await shard.release({ handle: `h-${i}`, user_id: "ann", rev: 2 * i + 2 });
    await shard.put({ user_id: `u-${i}`, rev: 1, words: ["word"], card: { name: "Word", handle: null, avatar_key: null } });
    await shard.put({ user_id: `u-${i}`, rev: 2, words: [], card: null });
  }
  const rows = (table: string) => sql.all(`SELECT count(*) AS rows FROM ${table}`)[0]?.["rows"];
  expect([rows("handles"), rows("people"), rows("words")]).toEqual([25, 25, 0]);
  now += 86_400_001;
  for (let i = 0; i < 3; i += 1) {
    await shard.claim({ handle: "again", user_id: "bob", rev: i + 1 });
    await shard.put({ user_id: "bob", rev: i + 1, words: ["bob"], card: { name: "Bob", handle: null, avatar_key: null } });
  }
  expect([rows("handles"), rows("people"), rows("words")]).toEqual([1, 1, 1]);
});

test("[U4] a search is one page, the closest first, and looks at a bounded number of rows", async () => {
  const store = new DirectoryStore(nodeSql());
  const shard = new Shard(store, () => 0);
  const card = (name: string) => ({ name, handle: null, avatar_key: null });
  for (let i = 0; i < 4_050; i += 1) await shard.put({ user_id: `u${i}`, rev: 1, words: [`ma${String(i).padStart(4, "0")}`], card: card(`ma${String(i).padStart(4, "0")}`) });
  await shard.put({ user_id: "exact", rev: 1, words: ["ma"], card: card("Ma") });
  await shard.put({ user_id: "far", rev: 1, words: ["maz"], card: card("Maz Rare") });
  expect(findPeople(store, ["ma"], 3).map(({ user_id }) => user_id)).toEqual(["exact", "u0", "u1"]);
  expect(findPeople(store, ["ma"], 20)).toHaveLength(20);
  expect(findPeople(store, ["ma", "rare"], 20)).toEqual([]);
  expect(findPeople(store, ["maz", "rare"], 20).map(({ user_id }) => user_id)).toEqual(["far"]);
});
