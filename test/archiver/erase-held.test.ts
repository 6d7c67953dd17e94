// A hold wins over an erasure: as long as one keeps something of a person, nothing of theirs is touched.
import { afterEach, beforeEach, expect, test } from "vitest";
import { Held } from "../../archiver/erase/command.ts";
import { isNothing } from "../../archiver/erase/run.ts";
import { hold, release } from "../../archiver/holding.ts";
import type { HoldKind } from "../../archiver/stores/holds.ts";
import { GROUP, World } from "./erasing.ts";

let world: World;
beforeEach(async () => {
  world = await World.make();
  world.append("ann", { content: "by-ann, archived", content_type: "text" });
  for (let i = 0; i < 8; i += 1) world.append("bob", { content: `by-bob ${i}`, content_type: "text" });
  await world.seal();
  await world.archiveAll();
  world.append("ann", { content: "by-ann, hot", content_type: "text" });
});
afterEach(() => world.close());

const tools = () => ({ store: world.archive, now: () => world.now, progress: () => undefined });
const isLeftAlone = async (kind: HoldKind, id: string, reason?: string): Promise<void> => {
  const before = world.everything();
  await expect(world.erase("ann")).rejects.toThrow(`${kind} ${id} is held${reason === undefined ? "" : ` (${reason})`}`);
  await expect(world.erase("ann")).rejects.toBeInstanceOf(Held);
  expect(world.everything()).toBe(before);
  expect(world.state.members.has("ann")).toBe(true);
};

test.each([["conversation", GROUP], ["user", "ann"]] as const)("[X8] while a %s is held nobody in it is erased, and nothing has changed; released, all of it goes", async (kind, id) => {
  await hold(kind, id, "claim 7", tools());
  await isLeftAlone(kind, id, "claim 7");
  await release(kind, id, tools());
  const erased = await world.erase("ann");
  expect(erased !== null && isNothing(erased.left)).toBe(true);
  expect(world.everything()).not.toContain("by-ann");
});

test("[X8] of two holds the other one still wins", async () => {
  await hold("conversation", GROUP, null, tools());
  await hold("user", "ann", null, tools());
  await release("user", "ann", tools());
  await isLeftAlone("conversation", GROUP);
});

test("[X8] a hold that has begun wins, and one that is being released does not", async () => {
  const standing = { kind: "conversation" as const, id: GROUP, reason: null, created_at: world.now, place: null, rows: 0 };
  await world.archive.commitHold({ ...standing, state: "applying" });
  await isLeftAlone("conversation", GROUP);
  await world.archive.commitHold({ ...standing, state: "releasing" });
  const erased = await world.erase("ann");
  expect(erased !== null && isNothing(erased.left)).toBe(true);
});

test("[X8] a conversation that is on no list any more, and that the archive has something of, is held all the same", async () => {
  world.listed = false;
  await hold("conversation", GROUP, null, tools());
  await isLeftAlone("conversation", GROUP);
});

test("[X8] a hold on somebody else, or on a conversation that the person was never in, keeps nobody from being erased", async () => {
  await hold("user", "bob", null, tools());
  await hold("conversation", `g.${"f".repeat(32)}`, null, tools());
  const erased = await world.erase("ann");
  expect(erased !== null && isNothing(erased.left)).toBe(true);
  expect(world.everything()).not.toContain("by-ann");
  expect(world.everything()).toContain("by-bob");
});
