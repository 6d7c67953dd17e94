// What a conversation knows of who has it open, over closes, evictions and removals.
import { evictDurableObject } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { sha256Hex } from "../../durable-objects/platform/hash.ts";
import { conversation, Device, directId, rows, session } from "./objects.ts";

async function group(name: string, users: string[]): Promise<string> {
  const id = `g.${sha256Hex(name).slice(0, 32)}`;
  for (const user of users) await session(user).register(user);
  const [creator_id = "", ...members] = users;
  await conversation(id).create({ conversation_id: id, creator_id, title: "t", members, max_members: 500, location_hint: null, jurisdiction: null });
  return id;
}

const viewers = async (id: string) => (await rows(conversation(id), "SELECT user_id FROM attached WHERE viewing = 1 ORDER BY user_id")).map((row) => row["user_id"]);

test("[G1] a conversation knows whose devices have it open: until the last one closes it or goes, over evictions of both", async () => {
  const users = ["view-ann", "view-bob"];
  const id = await group("view", users);
  const [phone, laptop, bob] = [await Device.connect("view-ann", "phone"), await Device.connect("view-ann", "laptop"), await Device.connect("view-bob", "b")];
  for (const device of [phone, laptop, bob]) device.send({ type: "open", conversation_id: id });
  await vi.waitUntil(async () => (await viewers(id)).length === 2);
  await evictDurableObject(session("view-ann"));
  await evictDurableObject(conversation(id));
  phone.send({ type: "close", conversation_id: id });
  bob.close();
  await vi.waitUntil(async () => (await viewers(id)).length === 1);
  expect(await viewers(id)).toEqual(["view-ann"]);
  laptop.send({ type: "close", conversation_id: id });
  await vi.waitUntil(async () => (await viewers(id)).length === 0);
  phone.send([{ type: "open", conversation_id: id }, { type: "open", conversation_id: id }]);
  await vi.waitUntil(async () => (await viewers(id)).length === 1);
  await conversation(id).removeMember({ actor_id: "view-bob", user_id: "view-bob" });
  await conversation(id).removeMember({ actor_id: null, user_id: "view-ann" });
  expect(await viewers(id)).toEqual([]);
});

test("[G2] only a member opens a conversation, and a device no more than 20", async () => {
  const id = await group("open", ["open-ann"]);
  const eve = await Device.connect("open-eve", "e");
  const errors = () => eve.frames.filter((frame) => frame["type"] === "error").map((frame) => frame["code"]);
  const absent = `g.${"f".repeat(32)}`;
  eve.send([{ type: "open", conversation_id: id }, { type: "open", conversation_id: absent }, { type: "close", conversation_id: id }]);
  await eve.until(() => errors().length === 2);
  expect(errors()).toEqual(["not_found", "not_found"]);
  expect(await viewers(id)).toEqual([]);

});

test("[G2] a device has no more than 20 open", async () => {
  const eve = await Device.connect("many-eve", "e");
  const peers = Array.from({ length: 21 }, (_, i) => `many-peer-${i}`);
  for (const peer of peers) await session(peer).register(peer);
  for (const peer of peers) await session(peer).send({ user_id: peer, exp: 0 }, { to: "many-eve", content: "x", content_type: "text", client_msg_id: `k-${peer}` });
  const open = async () => (await Promise.all(peers.map((peer) => viewers(directId("many-eve", peer))))).flat().length;
  eve.send(peers.slice(0, 20).map((peer) => ({ type: "open", conversation_id: directId("many-eve", peer) })));
  await vi.waitUntil(async () => (await open()) === 20);
  // The twenty have emptied the bucket of such frames: it refills within a moment.
  await vi.waitFor(() => {
    eve.send({ type: "open", conversation_id: directId("many-eve", peers[20] as string) });
    expect(eve.frames).toContainEqual(expect.objectContaining({ type: "error", code: "bad_frame", message: "more than 20 open" }));
  }, { timeout: 10_000, interval: 100 });
  expect(await open()).toBe(20);
});
