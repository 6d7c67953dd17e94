// A live member who acknowledges nothing gets it again, on a schedule that survives the object, until a receipt or the last try.
import { expect, test } from "vitest";
import { World } from "./world.ts";

async function silent(): Promise<{ world: World; began: number; times: () => number[] }> {
  const world = new World(["ann", "bob"]);
  await world.quiet();
  for (const user of ["ann", "bob"]) world.connect(user);
  for (const user of ["ann", "bob"]) void world.receipt(user, { delivered_seq: 1 });
  await world.quiet();
  while (world.alarm !== null) await world.fire();
  const bob = world.session("bob");
  bob.acknowledges = false;
  bob.got.length = 0;
  const began = world.now;
  world.append("ann");
  await world.quiet();
  expect(bob.got).toEqual([2]);
  const seen: number[] = [];
  const plain = bob.deliver.bind(bob);
  bob.deliver = (call, now) => {
    if (call.events !== null) seen.push(now - began);
    return plain(call, now);
  };
  return { world, began, times: () => seen.map((ms) => Math.round(ms / 1_000)) };
}

async function alarms(world: World, upTo: number): Promise<void> {
  while (world.alarm !== null && world.alarm <= upTo) await world.fire();
}

test("[R8] [D10] what is not acknowledged comes again after 3, 10, 30 and 90 s, and then no more", async () => {
  const { world, began, times } = await silent();
  await alarms(world, began + 600_000);
  expect(times()).toEqual([3, 10, 30, 90]);
  expect(world.session("bob").got).toEqual([2, 2, 2, 2, 2]);
  expect(world.alarm).toBeNull();
  expect(world.store.sql.all("SELECT * FROM unacknowledged")).toEqual([]);
});

test("[R8] the schedule outlives the object: a crash between two redeliveries neither loses nor repeats one", async () => {
  const { world, began, times } = await silent();
  await alarms(world, began + 5_000);
  expect(times()).toEqual([3]);
  world.crash();
  await alarms(world, began + 600_000);
  expect(times()).toEqual([3, 10, 30, 90]);
});

test("[R8] a receipt ends it, and one that falls short begins it anew for the rest", async () => {
  const { world, began, times } = await silent();
  world.append("ann");
  await world.quiet();
  await alarms(world, began + 5_000);
  const half = world.now;
  void world.receipt("bob", { delivered_seq: 2 });
  await world.quiet();
  expect(world.store.sql.all("SELECT * FROM unacknowledged")).toEqual([]);
  await alarms(world, half + 5_000);
  expect(world.session("bob").got.slice(-1)).toEqual([3]);
  void world.receipt("bob", { delivered_seq: 3 });
  await world.quiet();
  const before = times().length;
  await alarms(world, began + 600_000);
  expect(times().length).toBe(before);
  expect(world.alarm).toBeNull();
});

test("[R8] nobody who is away is sent anything again", async () => {
  const { world, began, times } = await silent();
  world.disconnect("bob");
  await alarms(world, began + 600_000);
  // One call finds out.
  expect(times().length).toBeLessThanOrEqual(1);
  expect(world.session("bob").got).toEqual([2]);
});
