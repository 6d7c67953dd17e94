// Crashes between reference, copy and append, at points that are generated: nothing dangles, and nothing is left behind.
import fc from "fast-check";
import { expect, test } from "vitest";
import { size } from "../sizes.ts";
import { type Asked, ASKED, FATES, MediaWorld } from "./media-world.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("send" as const), content: fc.constantFrom("1", "2"), message: fc.nat(4), delay: fc.constantFrom(0, 0, 0, 9 * MINUTE, 14 * MINUTE, 20 * MINUTE), resends: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("forward" as const), content: fc.constantFrom("1", "2"), message: fc.nat(4), delay: fc.constantFrom(0, 0, 9 * MINUTE, 20 * MINUTE), resends: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("delete" as const), message: fc.nat(4) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("step" as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(0, 1_000, MINUTE, 11 * MINUTE, 16 * MINUTE, DAY, 7 * DAY, 8 * DAY, 31 * DAY) }) },
);

const fates = fc.record(Object.fromEntries(ASKED.map((asked) => [asked, fc.array(fc.constantFrom(...FATES, "ok" as const, "ok" as const), { maxLength: 8 })])) as Record<Asked, fc.Arbitrary<(typeof FATES)[number][]>>);

function whole(world: MediaWorld, when: string): void {
  for (const { key, content } of world.standing()) expect([when, key, world.given(key)]).toEqual([when, key, content]);
}

let sentAll = 0;
let acked = 0;

test("[M11] [B14] whatever dies between reference, copy and append, a message's file is there, and a file without a message goes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 24 }), fates, async (steps, given) => {
      const world = new MediaWorld(given);
      for (const [i, now] of steps.entries()) {
        if (now.do === "step") await world.step();
        else if (now.do === "pass") await world.pass(now.ms);
        else if (now.do === "delete") world.sent.filter(({ client_msg_id }) => client_msg_id === `m${now.message}`).forEach((sent) => world.delete(sent));
        else world.send({ client_msg_id: `m${now.message}`, content: now.content, forward: now.do === "forward", delay: now.delay, resends: now.resends });
        whole(world, `after step ${i}`);
      }
      await world.end();
      whole(world, "at the end");
      sentAll += world.sent.length;
      acked += world.sent.filter((sent) => sent.acked !== null).length;
      const carried = new Set(world.standing().map(({ key }) => key));
      expect([world.contents().length, world.remembering()]).toEqual([carried.size, carried.size]);
      world.deleteAll();
      await world.end();
      expect([world.standing(), world.contents(), world.remembering()]).toEqual([[], [], 0]);
    }),
    { numRuns: size("worlds of media", 200, 20_000) },
  );
  // Otherwise nothing of this was tried.
  expect(acked).toBeGreaterThan(sentAll / 3);
});

const plain = { client_msg_id: "m", content: "1", forward: false, delay: 0, resends: 0 };

test("[M11] a message that is claimed again while its conversation is asked about the first claim keeps its file", async () => {
  // The first append never arrives; when its conversation is asked it says that there is none, and that takes minutes to be heard.
  const world = new MediaWorld({ append: ["fails", "fails"], stands: ["slow"] });
  world.send(plain);
  await world.pass(15 * MINUTE + 1_000);
  world.send(plain);
  await world.pass(10 * DAY);
  expect(world.sent[1]?.acked).not.toBeNull();
  whole(world, "in the end");
  expect(world.standing()).toHaveLength(1);
});

test("[M11] a claim that comes while the content is being removed has it copied to a place that the removal does not reach", async () => {
  const world = new MediaWorld({ remove: ["dies_late"] });
  world.send(plain);
  await world.pass(MINUTE);
  world.delete(world.sent[0] as never);
  await world.pass(MINUTE);
  while (world.removing === 0) await world.step();
  world.send({ ...plain, client_msg_id: "again" });
  await world.pass(MINUTE);
  expect(world.sent[1]?.acked).not.toBeNull();
  whole(world, "after the removal has come about");
  await world.end();
  whole(world, "in the end");
  expect(world.contents()).toHaveLength(1);
});

test("[M11] an append that comes too late is refused, and sent again it is whole", async () => {
  const world = new MediaWorld({});
  world.send({ ...plain, delay: 11 * MINUTE });
  await world.pass(12 * MINUTE);
  expect(world.sent[0]?.acked).toBeNull();
  expect(world.standing()).toEqual([]);
  world.send(plain);
  await world.pass(10 * DAY);
  expect(world.sent[1]?.acked).not.toBeNull();
  whole(world, "in the end");
});

test("[M11] a message that a restore brings back keeps its file, though its conversation has said meanwhile that there is no such message", async () => {
  const world = new MediaWorld({});
  world.send(plain);
  await world.pass(MINUTE);
  const restore = world.lose();
  await world.pass(DAY);
  restore();
  await world.pass(10 * DAY);
  expect(world.standing()).toHaveLength(1);
  whole(world, "in the end");
});

test("[M12] what is sent on after a day or more gets an object of its own age, and the old one goes an hour later", async () => {
  const world = new MediaWorld({});
  world.send(plain);
  await world.pass(40 * DAY);
  world.send({ ...plain, client_msg_id: "on", forward: true });
  await world.pass(MINUTE);
  expect(world.contents()).toHaveLength(2);
  whole(world, "at once");
  await world.pass(DAY / 12);
  expect(world.contents()).toHaveLength(1);
  whole(world, "later");
});

test("[M10] the same is asked of the store whether it has the content or not", async () => {
  const world = new MediaWorld({});
  world.send(plain);
  await world.pass(MINUTE);
  const first = world.asked.splice(0);
  world.send({ ...plain, client_msg_id: "again" });
  await world.pass(MINUTE);
  expect(first).toEqual(["read", "read", "read", "copy", "append"]);
  expect(world.asked).toEqual(first);
});
