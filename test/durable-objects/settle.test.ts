import { expect, test } from "vitest";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { World } from "./world.ts";

test("[fan-out] what comes in during a settle waits for the next one, which is not due at once", async () => {
  const world = new World(["ann", "bob"]);
  await world.quiet();
  world.connect("bob");
  world.append("ann");
  await world.quiet();
  const bob = world.session("bob");
  const deliver = bob.deliver.bind(bob);
  bob.deliver = (call, now) => {
    bob.deliver = deliver;
    world.append("ann");
    return deliver(call, now);
  };
  await world.fire();
  // Created, the message before the settle, the one during it.
  expect([world.state.marks.fanout_seq, world.state.head.seq]).toEqual([2, 3]);
  expect(world.alarm).toBe(world.now + DEFAULT_SETTINGS.settle_after_ms);
});
