// The conversation on a clock that somebody sets.
import { expect, test } from "vitest";
import { World } from "./world.ts";

const HOURS = 3_600_000;

test("[fan-out] a clock that is set back delays no settle", async () => {
  const world = new World(["ann", "bob"]);
  await world.quiet();
  world.append("ann");
  world.now -= 2 * HOURS;
  const back = world.now;
  world.append("ann");
  while (world.store.readWatermarks().fanout_seq < 3) await world.fire();
  expect(world.now - back).toBeLessThan(10_000);
  expect(world.session("bob").inbox()?.settled_seq).toBe(3);
});

test("[fan-out] a clock that is set back delays no second try with a session that failed", async () => {
  const world = new World(["ann", "bob"]);
  await world.quiet();
  world.now += 5_000;
  world.session("bob").fails = 1;
  world.append("ann");
  await world.quiet();
  expect(world.store.readLagging()).toHaveLength(1);
  world.now -= 2 * HOURS;
  const back = world.now;
  world.crash();
  while (world.alarm !== null) await world.fire();
  expect(world.now - back).toBeLessThan(200_000);
  expect(world.session("bob").inbox()?.settled_seq).toBe(2);
});

test("[fan-out] over hours forward and back again the order stays dense and ids ascend", async () => {
  const world = new World(["ann", "bob"]);
  for (const hours of [0, 5, -9, 2, -1]) {
    world.now += hours * HOURS;
    world.append("ann");
    await world.quiet();
  }
  const ids = world.store.readRange(1, 6, 10, "asc").map(({ msg_id }) => msg_id);
  expect(ids).toEqual(ids.toSorted());
  expect(new Set(ids).size).toBe(6);
});
