// Typing over real objects: to the devices that have the conversation open, and nowhere else.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { conversation, Device, directId, rows, session } from "./objects.ts";

afterEach(() => {
  vi.useRealTimers();
});

const group = (name: string): string => `g.${Buffer.from(name).toString("hex").padEnd(32, "0")}`;
const typing = (device: Device): unknown[] => device.frames.filter((frame) => frame["type"] === "typing").map((frame) => `${String(frame["user_id"])} ${String(frame["on"])}`);

async function makeGroup(name: string, users: string[]): Promise<string> {
  const id = group(name);
  for (const user of users) await session(user).register(user);
  const made = await conversation(id).create({
    conversation_id: id, creator_id: users[0] as string, title: "t", members: users.slice(1), max_members: 500, location_hint: null, jurisdiction: null,
  });
  expect(made.ok).toBe(true);
  return id;
}

async function open(device: Device, id: string, viewers: number): Promise<void> {
  device.send({ type: "open", conversation_id: id });
  await vi.waitFor(async () => expect(await conversation(id).stats()).toMatchObject({ stats: { viewers } }));
}

/** In order behind everything that this device was sent. */
async function settled(device: Device): Promise<void> {
  const before = device.frames.length;
  device.send({ type: "heartbeat", profile: "foreground" });
  await device.until((one) => one.frames.slice(before).some((frame) => frame["type"] === "heartbeat"));
}

test("[A16] typing reaches the devices that have the conversation open, on both sides of a sleep, and writes nothing", async () => {
  const id = await makeGroup("ty1", ["ty1-ann", "ty1-bob", "ty1-cat"]);
  const [ann, bob, bobs, cat] = await Promise.all([Device.connect("ty1-ann", "a"), Device.connect("ty1-bob", "b"), Device.connect("ty1-bob", "b2"), Device.connect("ty1-cat", "c")]) as [Device, Device, Device, Device];
  await open(ann, id, 1);
  await open(bob, id, 2);
  const stored = () => runInDurableObject(conversation(id), (_object, state) => state.storage.sql.exec("SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM attached) AS attached").toArray());
  const before = [await stored(), await conversation(id).stats()];
  ann.send({ type: "typing", conversation_id: id, on: true });
  await bob.until((one) => typing(one).length === 1);
  ann.send({ type: "typing", conversation_id: id, on: false });
  await bob.until((one) => typing(one).length === 2);
  expect([await stored(), await conversation(id).stats()]).toEqual(before);
  await evictDurableObject(conversation(id));
  await evictDurableObject(session("ty1-bob"));
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_000 });
  ann.send({ type: "typing", conversation_id: id, on: true });
  await bob.until((one) => typing(one).length === 3);
  expect(typing(bob)).toEqual(["ty1-ann true", "ty1-ann false", "ty1-ann true"]);
  for (const device of [ann, bobs, cat]) {
    await settled(device);
    expect(typing(device)).toEqual([]);
  }
});

test("[A16] a flood of typing is shown once in three seconds", async () => {
  const id = await makeGroup("ty2", ["ty2-ann", "ty2-bob"]);
  const [ann, bob] = [await Device.connect("ty2-ann", "a"), await Device.connect("ty2-bob", "b")];
  await open(bob, id, 1);
  ann.send(Array.from({ length: 15 }, () => ({ type: "typing", conversation_id: id, on: true })));
  await bob.until((one) => typing(one).length > 0);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_000 });
  ann.send([{ type: "typing", conversation_id: id, on: true }, { type: "typing", conversation_id: id, on: false }, { type: "typing", conversation_id: id, on: false }]);
  await bob.until((one) => typing(one).at(-1) === "ty2-ann false");
  expect(typing(bob)).toEqual(["ty2-ann true", "ty2-ann true", "ty2-ann false"]);
  // Without an answer of its own, unless it is wrong.
  await settled(ann);
  expect(ann.frames.filter((frame) => !["hello", "created", "heartbeat"].includes(String(frame["type"])))).toEqual([]);
});

test("[S] strangers and absent conversations get the same, and who left hears nothing more", async () => {
  const id = await makeGroup("ty3", ["ty3-ann", "ty3-bob"]);
  await session("ty3-eve").register("ty3-eve");
  const [ann, bob, eve] = [await Device.connect("ty3-ann", "a"), await Device.connect("ty3-bob", "b"), await Device.connect("ty3-eve", "e")];
  await open(bob, id, 1);
  const absent = group("ty3x");
  for (const wrong of [id, absent]) eve.send({ type: "typing", conversation_id: wrong, on: true });
  await eve.until((one) => one.frames.filter((frame) => frame["type"] === "error").length === 2);
  const told = eve.frames.filter((frame) => frame["type"] === "error").map((frame) => JSON.stringify({ ...frame, conversation_id: "" }));
  expect(told[0]).toBe(told[1]);
  expect(told[0]).toContain("not_found");
  expect(await conversation(id).removeMember({ actor_id: null, user_id: "ty3-bob" })).toMatchObject({ ok: true });
  ann.send({ type: "typing", conversation_id: id, on: true });
  await settled(ann);
  await settled(bob);
  expect(typing(bob)).toEqual([]);
});

test("[S] who is blocked types in silence, and who blocks is not shown to them", async () => {
  const id = directId("ty4-ann", "ty4-bob");
  for (const user of ["ty4-ann", "ty4-bob"]) await session(user).register(user);
  const [ann, bob] = [await Device.connect("ty4-ann", "a"), await Device.connect("ty4-bob", "b")];
  ann.send({ type: "msg", to: "ty4-bob", content: "hi", client_msg_id: "hi" });
  for (const user of ["ty4-ann", "ty4-bob"]) await vi.waitFor(async () => expect(await rows(session(user), "SELECT 1 FROM inbox")).toHaveLength(1));
  await open(ann, id, 1);
  await open(bob, id, 2);
  await runInDurableObject(session("ty4-bob"), (_object, state) => void state.storage.sql.exec("INSERT INTO blocks (user_id, at) VALUES ('ty4-ann', 0)"));
  for (const device of [ann, bob]) device.send({ type: "typing", conversation_id: id, on: true });
  for (const device of [ann, bob]) await settled(device);
  // What went around is over by the time that a message has.
  ann.send({ type: "msg", to: "ty4-bob", content: "there", client_msg_id: "there" });
  await bob.until((one) => one.messages().includes("there"));
  expect([typing(ann), typing(bob)]).toEqual([[], []]);
});
