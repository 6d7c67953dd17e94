// What counts as unread: messages since one's own last one, and never those of before one joined.
import { expect, test } from "vitest";
import { World } from "./world.ts";

function unread(world: World, user: string): number | undefined {
  const row = world.session(user).inbox();
  return row === null ? undefined : row.head_msg_no - row.read_msg_no;
}

async function settled(world: World): Promise<void> {
  while (world.store.readWatermarks().fanout_seq < world.state.head.seq) await world.fire();
}

test("[unread] a new member's count starts where they joined, also when they come back", async () => {
  const world = new World(["ann", "bob"]);
  await world.quiet();
  for (let i = 0; i < 7; i += 1) world.append("ann");
  world.add("eve");
  await world.quiet();
  await settled(world);
  expect([unread(world, "bob"), unread(world, "eve")]).toEqual([7, 0]);
  world.append("bob");
  world.append("ann");
  await world.quiet();
  await settled(world);
  expect([unread(world, "bob"), unread(world, "eve")]).toEqual([1, 2]);
  world.remove("eve");
  for (let i = 0; i < 5; i += 1) world.append("ann");
  world.add("eve");
  world.append("ann");
  await world.quiet();
  await settled(world);
  expect([unread(world, "bob"), unread(world, "eve")]).toEqual([7, 1]);
});

test("[unread] those who were there from the start count from the first message", async () => {
  const world = new World(["ann", "bob"]);
  world.append("ann");
  await world.quiet();
  await settled(world);
  expect([unread(world, "ann"), unread(world, "bob")]).toEqual([0, 1]);
});
