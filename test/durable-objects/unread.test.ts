// What counts as unread: messages since one's own last one, and never those of before one joined.
import { expect, test } from "vitest";
import type { DeliverCall } from "../../protocol/rpc.ts";
import { Session, World } from "./world.ts";

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

/** Its conversation dies with so many of the settles that have gone in here. */
class Deadly extends Session {
  deaths = 0;
  private readonly die: () => void;

  constructor(user: string, die: () => void) {
    super(user);
    this.die = die;
  }

  override deliver(call: DeliverCall, now: number) {
    const reply = super.deliver(call, now);
    if (call.settle && this.deaths-- > 0) this.die();
    return reply;
  }
}

test("[unread] a settle that is made again brings what was read since it was made first", async () => {
  const world = new World(["ann", "bob"], (user, here) => (user === "bob" ? new Deadly(user, () => here.crash()) : new Session(user)));
  await world.quiet();
  await settled(world);
  world.now += 60_000;
  (world.session("bob") as Deadly).deaths = 1;
  world.append("ann");
  await world.quiet();
  expect([unread(world, "bob"), world.store.readWatermarks().fanout_seq]).toEqual([1, 1]);
  const read = await world.receipt("bob", { read_seq: 2 });
  expect(read).toMatchObject({ ok: true, marks: { read_seq: 2, settles: true } });
  await settled(world);
  expect(unread(world, "bob")).toBe(0);
});
