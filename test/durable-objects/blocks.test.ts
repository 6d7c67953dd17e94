// A session's blocks against the direct conversations that they hold in, with crashes and calls that are lost.
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { Blocks } from "../../durable-objects/session/blocks.ts";
import { SessionStore } from "../../durable-objects/session/store.ts";
import { UserStore } from "../../durable-objects/session/store/users.ts";
import { BLOCKS } from "../../protocol/limits.ts";
import { size } from "../sizes.ts";
import { nodeSql } from "./sqlite.ts";

vi.mock("../../log/log.ts", () => ({ log: () => undefined, errorFields: () => ({}) }));

type Fate = "arrives" | "answer lost" | "lost";

/** A session of ann, and the conversations of others with her: null until they exist, then who may not write. */
class World {
  readonly conversations = new Map<string, Set<string> | null>();
  readonly inbox = new Set<string>();
  fates: Fate[] = [];
  blocked = new Set<string>();
  blocks: Blocks;
  private readonly users: UserStore;

  constructor() {
    const store = new SessionStore(nodeSql());
    store.commitRegistered("ann", 0);
    this.users = new UserStore(store.sql);
    this.blocks = this.wake();
  }

  wake(): Blocks {
    this.blocked = new Set();
    this.blocks = new Blocks({
      userId: "ann", users: this.users, blocked: this.blocked, directId: (peer) => peer, arm: () => undefined,
      store: { readKnown: (id) => (this.inbox.has(id) ? { epoch: 1 } : null) },
      through: (id, call) => this.through(id, call),
    });
    this.blocks.open();
    return this.blocks;
  }

  /** The first message of somebody whom ann had not blocked when her session was asked. */
  begin(peer: string): void {
    if ((this.conversations.get(peer) ?? null) === null) this.conversations.set(peer, new Set());
  }

  settle(peer: string): void {
    if ((this.conversations.get(peer) ?? null) === null) return;
    this.blocks.settling({ conversation_id: peer, pair: ["ann", peer], epoch: 1 });
    this.inbox.add(peer);
  }

  async fire(): Promise<void> {
    if (this.blocks.task.dueAt(0) !== null) await this.blocks.task.run(0).catch(() => undefined);
  }

  private async through<T>(peer: string, call: (stub: { block: (given: { user_id: string; on: boolean }) => Promise<{ exists: boolean }> }) => Promise<T>): Promise<T> {
    const fate = this.fates.shift() ?? "arrives";
    if (fate === "lost") throw new Error("lost");
    const answer = await call({
      block: async ({ user_id, on }) => {
        const banned = this.conversations.get(peer) ?? null;
        if (on) banned?.add(user_id);
        else banned?.delete(user_id);
        return { exists: banned !== null };
      },
    });
    if (fate === "answer lost") throw new Error("the answer is lost");
    return answer;
  }
}

const PEERS = ["bob", "eve"];
const step = fc.record({
  do: fc.constantFrom("block", "block", "unblock", "begin", "settle", "die", "fire"),
  peer: fc.constantFrom(...PEERS),
  fates: fc.array(fc.constantFrom<Fate>("arrives", "answer lost", "lost"), { maxLength: 3 }),
});

async function take(world: World, { do: what, peer, fates }: { do: string; peer: string; fates: Fate[] }): Promise<void> {
  world.fates = fates;
  switch (what) {
    case "block": case "unblock": {
      const result = await world.blocks.set(peer, what === "block");
      const banned = world.conversations.get(peer)?.has(peer);
      // What was answered holds at once, where the conversation had settled.
      if (result.ok && banned !== undefined) expect(banned).toBe(what === "block");
      return;
    }
    case "begin": return world.begin(peer);
    case "settle": return world.settle(peer);
    case "die": world.wake(); return;
    default: return world.fire();
  }
}

test("[U9] whatever is lost or dies: each direct conversation ends as the session is, also one that began meanwhile", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
    const world = new World();
    for (const given of steps) await take(world, given);
    world.fates = [];
    for (const peer of PEERS) world.settle(peer);
    await world.fire();
    expect(world.blocks.task.dueAt(0)).toBe(null);
    for (const peer of PEERS) {
      const banned = world.conversations.get(peer) ?? null;
      if (banned !== null) expect([peer, banned.has(peer)]).toEqual([peer, world.blocked.has(peer)]);
    }
    const memory = [...world.blocked].toSorted();
    world.wake();
    expect([...world.blocked].toSorted()).toEqual(memory);
    expect(world.blocks.list().map(({ user_id }) => user_id).toSorted()).toEqual(memory);
  }), { numRuns: size("block histories", 200, 5_000) });
});

test("[U10] a list has an end, and room again once one is lifted", async () => {
  const world = new World();
  for (let i = 0; i < BLOCKS; i += 1) await world.blocks.set(`n-${i}`, true);
  expect(await world.blocks.set("one-more", true)).toMatchObject({ ok: false, code: "bad_request" });
  expect(await world.blocks.set("n-5", true)).toMatchObject({ ok: true });
  await world.blocks.set("n-5", false);
  expect(await world.blocks.set("one-more", true)).toMatchObject({ ok: true });
  expect(world.blocks.list()).toHaveLength(BLOCKS);
});
