// What no history shows: answers that never come, and people who are never told.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { catchUp, untilAnswered, untilListed, untilTold } from "../../verify/barrier.ts";
import type { Device } from "../../verify/device.ts";
import { sendOverRest } from "../../verify/over-rest.ts";
import { readPages } from "../../verify/pages.ts";
import type { Plan, PlannedConversation, PlannedMessage } from "../../verify/plan.ts";
import { BOUNDS, makeWorld, until, type World } from "../../verify/world.ts";
import { Spill } from "../../verify/spill.ts";
import { type Behaviour, type FakeDeployment, fakeDeployment, ROOM_ID } from "./fake-deployment.ts";

const ROOM: PlannedConversation = { label: "direct1", kind: "direct", members: ["ann", "bob"] };
const PLAN: Plan = {
  seed: 1, sizes: { rounds: 0, clients: 2, messages: 0, kills: 0, busy: false }, regulars: ["ann", "bob"], guests: [], sleepers: [], absent: [],
  standing: [ROOM], quiet: ROOM, rounds: function* rounds() { /* nobody plays any */ },
};
const folder = mkdtempSync(path.join(tmpdir(), "confab-test-barrier-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const usual = { ...BOUNDS };

let deployment: FakeDeployment | null = null;
let world: World;

beforeEach(() => {
  Object.assign(BOUNDS, { answer: 400, learn: 400, archive: 400 });
});

afterEach(async () => {
  Object.assign(BOUNDS, usual);
  await Promise.all([...world.devices.values()].map((device) => device.stop()));
  await deployment?.close();
});

function message(number: number): PlannedMessage {
  return { sender_id: "ann", client_msg_id: `m${number}`, conversation: ROOM, kind: "msg", target: null, by: "to", content: "hi", content_type: "text", number: null };
}

/** Ann's phone has sent two messages; everybody is connected. */
async function begin(behaviour: Behaviour): Promise<Device[]> {
  deployment = await fakeDeployment(behaviour);
  world = makeWorld(deployment, PLAN, new Spill(folder), () => "json");
  const devices = [...world.devices.values()];
  for (const device of devices) device.start();
  expect(await until(() => devices.every((device) => device.connected), 5_000)).toBe(true);
  devices[0]?.send([message(1), message(2)], true);
  return devices;
}

function codes(): string[] {
  return [...new Set(world.violations.all.map(({ code }) => code))];
}

describe("a deployment that", () => {
  test("does all it should has no violation", async () => {
    const devices = await begin({ acks: true, head: 2, history: 2 });
    await untilAnswered(world);
    await untilTold(world, devices);
    await untilListed(world, PLAN.regulars);
    await catchUp(world, devices);
    expect(codes()).toEqual([]);
  });

  test("never answers: unanswered", async () => {
    await begin({ acks: false, head: null, history: 0 });
    await untilAnswered(world);
    expect(codes()).toEqual(["unanswered"]);
    expect(world.violations.all).toHaveLength(2);
    expect(world.violations.all[0]?.evidence.join("\n")).toMatch(/ann\/m1 to direct1[\s\S]*sent by ann\/phone #\d+/);
  });

  test("tells the other member nothing: unlisted", async () => {
    const devices = await begin({ acks: true, head: null, history: 2 });
    await untilAnswered(world);
    await untilTold(world, devices);
    expect(codes()).toEqual(["unlisted"]);
    expect(world.violations.all.map(({ what }) => what.split(" ")[0])).toEqual(["ann/laptop", "bob/phone", "bob/laptop"]);
  });

  test("tells the other member only of the first: undelivered", async () => {
    const devices = await begin({ acks: true, head: 1, history: 2 });
    await untilAnswered(world);
    await untilTold(world, devices);
    expect(codes()).toEqual(["undelivered"]);
  });

  test("lists nothing: unlisted", async () => {
    await begin({ acks: true, head: null, history: 2 });
    await untilAnswered(world);
    await untilListed(world, ["bob"]);
    expect(codes()).toEqual(["unlisted"]);
  });

  test("lists an old head: undelivered", async () => {
    await begin({ acks: true, head: 1, history: 2 });
    await untilAnswered(world);
    await untilListed(world, ["bob"]);
    expect(codes()).toEqual(["undelivered"]);
  });

  test("gives fewer events than it told of: hole", async () => {
    const devices = await begin({ acks: true, head: 2, history: 1 });
    await untilAnswered(world);
    await untilTold(world, devices);
    await catchUp(world, devices);
    expect(codes()).toEqual(["hole"]);
  });

  test("can't read its archive: seam, after the bound and, where no archive could have the bodies, at once", async () => {
    await begin({ acks: true, head: 2, history: null });
    await untilAnswered(world);
    expect(await readPages(world, "bob", ROOM_ID, { limit: 50 })).toBeNull();
    expect(codes()).toEqual(["seam"]);
    Object.assign(BOUNDS, { archive: 60_000 });
    expect(await readPages(world, "bob", ROOM_ID, { limit: 50 }, false)).toBeNull();
    expect(world.violations.all).toHaveLength(2);
  });

  test("is broken already: what else does not come is not waited for, and not blamed", async () => {
    const devices = await begin({ acks: false, head: null, history: null });
    Object.assign(BOUNDS, { answer: 60_000, learn: 60_000 });
    world.violations.add("lost", "found in the traffic");
    await Promise.all([untilAnswered(world), untilTold(world, devices), untilListed(world, PLAN.regulars)]);
    expect(codes()).toEqual(["lost"]);
  });
});

test("an answer that only a restore changes is not waited out: lost, over REST too", async () => {
  deployment = await fakeDeployment({ acks: true, head: 2, history: 2, sending: "needs_restore" });
  world = makeWorld(deployment, PLAN, new Spill(folder), () => "json");
  Object.assign(BOUNDS, { answer: 60_000 });
  await sendOverRest(world, message(1), false);
  expect(codes()).toEqual(["lost"]);
});
