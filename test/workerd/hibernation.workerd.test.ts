// What a wake restores, and what an object writes before there is anything to write.
import { evictDurableObject, listDurableObjectIds, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import type { DeliverCall } from "../../protocol/rpc.ts";
import { bindings, conversation, Device, directId, rows, session } from "./objects.ts";

afterEach(() => {
  vi.useRealTimers();
});

const msg = (to: string, key: string) => ({ type: "msg", to, content: key, client_msg_id: key.replaceAll(" ", "-") });

test("[hibernation] an evicted session keeps its sockets, their devices and their tokens' expiry", async () => {
  const [phone, laptop, bob] = [await Device.connect("hib-ann", "phone"), await Device.connect("hib-ann", "laptop"), await Device.connect("hib-bob", "b")];
  bob.send(msg("hib-ann", "before"));
  await phone.until((device) => device.messages().length === 1);
  await evictDurableObject(session("hib-ann"));
  bob.send(msg("hib-ann", "after"));
  await Promise.all([phone, laptop].map((device) => device.until((one) => one.messages().length === 2)));
  // The woken object still knows which device is which: the sender's gets the ack, the other the event.
  phone.send(msg("hib-bob", "from the phone"));
  await laptop.until((device) => device.messages().includes("from the phone"));
  await phone.until((device) => device.frames.some((frame) => frame["type"] === "ack"));
  expect(phone.messages()).toEqual(["before", "after"]);
  const attachments = await runInDurableObject(session("hib-ann"), (_object, state) => state.getWebSockets().map((ws) => ws.deserializeAttachment() as { v: number; device_id: string }));
  expect(attachments.map(({ v, device_id }) => `${v} ${device_id}`).toSorted()).toEqual(["2 laptop", "2 phone"]);
});

test("[hibernation] a ping is answered without waking the object", async () => {
  const device = await Device.connect("ping-ann", "phone");
  await device.until((one) => one.frames.length === 1);
  const object = session("ping-ann");
  await evictDurableObject(object);
  device.send("ping");
  await device.until((one) => one.texts.includes("pong"));
  // An eviction of an object that does not run is refused: the ping has not woken it.
  await expect(evictDurableObject(object)).rejects.toThrow();
});

test("[hibernation] a socket with an older attachment is closed, and its client resumes", async () => {
  const device = await Device.connect("old-ann", "phone");
  await device.until((one) => one.frames.length === 1);
  await runInDurableObject(session("old-ann"), (_object, state) => {
    for (const ws of state.getWebSockets()) ws.serializeAttachment({ v: 0, user: "old-ann" });
  });
  await evictDurableObject(session("old-ann"));
  device.send(msg("old-ann", "x"));
  await device.until((one) => one.closed !== null);
  expect(device.closed).toEqual({ code: 4012 });
});

test("[C11] evicting one user's object leaves all others receiving", async () => {
  const users = ["c11-ann", "c11-bob", "c11-cat", "c11-dan"];
  const devices = await Promise.all(users.map((user) => Device.connect(user, "phone")));
  for (const user of users) await session(user).register(user);
  const id = `g.${"c11".padEnd(32, "0").replaceAll(/[^0-9a-f]/g, "0")}`;
  await conversation(id).create({
    conversation_id: id, creator_id: "c11-ann", title: "t", members: users.slice(1), max_members: 500, location_hint: null, jurisdiction: null,
  });
  const [ann, ...others] = devices as [Device, ...Device[]];
  const send = (key: string) => ann.send({ type: "msg", conversation_id: id, content: key, client_msg_id: key });
  send("one");
  await Promise.all(others.map((device) => device.until((one) => one.messages().includes("one"))));
  await evictDurableObject(session("c11-bob"));
  send("two");
  await Promise.all(others.map((device) => device.until((one) => one.messages().includes("two"))));
  expect(others.every((device) => device.closed === null)).toBe(true);
});

test("[hibernation] an evicted conversation goes on with the same order, and still settles by its alarm", async () => {
  const id = directId("ev-ann", "ev-bob");
  const [ann, bob] = [await Device.connect("ev-ann", "a"), await Device.connect("ev-bob", "b")];
  for (const key of ["1", "2", "3"]) {
    ann.send(msg("ev-bob", key));
    await bob.until((device) => device.messages().includes(key));
  }
  await evictDurableObject(conversation(id));
  ann.send(msg("ev-bob", "4"));
  ann.send(msg("ev-bob", "2"));
  await ann.until((device) => device.frames.filter((frame) => frame["type"] === "ack").length === 5);
  const acks = ann.frames.filter((frame) => frame["type"] === "ack");
  expect(acks.map((ack) => ack["seq"])).toEqual([1, 2, 3, 4, 2]);
  expect(acks.at(-1)?.["dup"]).toBe(true);
  // The alarm that was set with the commits finds everybody's settle due once their time has come.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 4_000 });
  expect(await runDurableObjectAlarm(conversation(id))).toBe(true);
  const stats = await conversation(id).stats();
  expect(stats.ok && [stats.stats.head_seq, stats.stats.fanout_seq, stats.stats.lagging]).toEqual([4, 4, 0]);
});

test("[storage] an object that nobody created has no row, not even after it was asked", async () => {
  const id = directId("nobody-1", "nobody-2");
  expect(await conversation(id).append({
    conversation_id: id, sender_id: "nobody-1", create: null, alone: true,
    items: [{ client_msg_id: "k", device_id: null, content: "x", content_type: "text" }],
  })).toEqual({ kind: "absent" });
  expect(await conversation(id).describe({ user_id: "nobody-1" })).toEqual({ ok: false, code: "not_found" });
  expect(await session("nobody-2").registered()).toBe(false);
  for (const stub of [conversation(id), session("nobody-2")]) {
    expect((await rows(stub, "SELECT name FROM sqlite_master")).map((row) => row["name"]).filter((name) => !String(name).startsWith("_cf_"))).toEqual([]);
  }
});

test("[unknown_user] a message to a name that nobody registered writes nothing", async () => {
  const ann = await Device.connect("reg-ann", "phone");
  ann.send(msg("reg-nobody", "k"));
  await ann.until((device) => device.frames.some((frame) => frame["type"] === "error"));
  expect(ann.frames.at(-1)).toMatchObject({ code: "unknown_user", client_msg_id: "k" });
  const ids = (await listDurableObjectIds(bindings.CONVERSATION)).map(String);
  const id = bindings.CONVERSATION.idFromName(directId("reg-ann", "reg-nobody"));
  if (ids.includes(String(id))) expect(await rows(bindings.CONVERSATION.get(id), "SELECT name FROM sqlite_master WHERE name = 'events'")).toEqual([]);
});

test("[expiry] nothing is sent to a socket whose token has expired, and a frame on it closes it", async () => {
  const [ann, cat, bob] = [await Device.connect("exp-ann", "a"), await Device.connect("exp-cat", "c"), await Device.connect("exp-bob", "b")];
  bob.send(msg("exp-ann", "in time"));
  await ann.until((device) => device.messages().length === 1);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 + 31_000 });
  await session("exp-ann").deliver(delivery("too late"));
  await ann.until((device) => device.closed !== null);
  expect([ann.closed, ann.messages()]).toEqual([{ code: 4001 }, ["in time"]]);
  cat.send(msg("exp-bob", "too late"));
  await cat.until((device) => device.closed !== null);
  expect([cat.closed, bob.messages()]).toEqual([{ code: 4001 }, []]);
});

function delivery(content: string): DeliverCall {
  const event = { type: "msg", content };
  return {
    conversation_id: directId("exp-ann", "exp-bob"), kind: "direct", title: null, pair: ["exp-ann", "exp-bob"], epoch: 1,
    events: { from_seq: 2, to_seq: 2, json: JSON.stringify(event) }, own: [], head_seq: 2, head_msg_no: 2, head_at: 0, sent: null, settle: false, left: false,
  };
}
