// Who watches whom, over real objects: what is told, and what it costs when nobody looks.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { changeSettings } from "../../durable-objects/settings/current.ts";
import { metrics } from "../../durable-objects/platform/metrics.ts";
import { bindings, Device, directId, rows, session } from "./objects.ts";

afterEach(() => {
  vi.useRealTimers();
});

const counted = (name: string): number => metrics()[name] ?? 0;
const later = (ms: number): void => void vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
const shown = (device: Device, user: string): unknown[] =>
  device.frames.filter((frame) => frame["type"] === "presence" && frame["user_id"] === user).map((frame) => frame["status"]);
const alarmOf = (user: string) => runInDurableObject(session(user), (_object, state) => state.storage.getAlarm());

/** Both have a direct conversation from here on. */
async function acquaint(a: string, b: string): Promise<void> {
  await Promise.all([a, b].map((user) => session(user).register(user)));
  const sent = await session(a).send({ user_id: a, exp: Math.floor(Date.now() / 1_000) + 3_600 }, { to: b, content: "hi", content_type: "text", client_msg_id: `hi-${a}-${b}` });
  expect(sent.ok).toBe(true);
  for (const user of [a, b]) await vi.waitFor(async () => expect(await rows(session(user), `SELECT 1 FROM inbox WHERE conversation_id = '${directId(a, b)}'`)).toHaveLength(1));
}

async function watch(device: Device, user: string, status: string): Promise<Record<string, unknown>> {
  const before = shown(device, user).length;
  device.send({ type: "presence_sub", users: [user] });
  await device.until((one) => shown(one, user).length > before);
  const frame = device.frames.findLast((one) => one["type"] === "presence" && one["user_id"] === user) as Record<string, unknown>;
  expect(frame["status"]).toBe(status);
  return frame;
}

test("[C3] [A14] one who watches gets one event for each change: coming, a second device, and the last one's leaving at its time", async () => {
  await acquaint("w1-ann", "w1-bob");
  const ann = await Device.connect("w1-ann", "phone");
  expect(await watch(ann, "w1-bob", "OFFLINE")).toMatchObject({ last_seen: null });
  const before = counted("presence_events");
  const phone = await Device.connect("w1-bob", "phone");
  const laptop = await Device.connect("w1-bob", "laptop");
  await ann.until((one) => shown(one, "w1-bob").length === 2);
  later(5_000);
  phone.close();
  await vi.waitFor(async () => expect((await session("w1-bob").sessions()) as object).toMatchObject({ sessions: { devices: [{ device_id: "laptop" }] } }));
  later(5_000);
  laptop.close();
  const at = Date.now();
  await ann.until((one) => shown(one, "w1-bob").length === 3);
  expect(shown(ann, "w1-bob")).toEqual(["OFFLINE", "ONLINE", "OFFLINE"]);
  expect(ann.frames.at(-1)?.["last_seen"]).toBe(at);
  expect(counted("presence_events") - before).toBe(2);
});

test("[A13] [D9] the alarm closes who is silent with 4008 and tells who watches; a ping in time keeps them", async () => {
  await acquaint("w2-ann", "w2-bob");
  const [ann, bob] = [await Device.connect("w2-ann", "phone"), await Device.connect("w2-bob", "phone")];
  await watch(ann, "w2-bob", "ONLINE");
  const due = (await alarmOf("w2-bob")) as number;
  expect(due - Date.now()).toBeGreaterThan(29_000);
  expect(due - Date.now()).toBeLessThanOrEqual(30_000);
  later(29_000);
  await runDurableObjectAlarm(session("w2-bob"));
  expect([bob.closed, shown(ann, "w2-bob")]).toEqual([null, ["ONLINE"]]);
  later(1_001);
  await runDurableObjectAlarm(session("w2-bob"));
  await ann.until((one) => shown(one, "w2-bob").length === 2);
  await bob.until((one) => one.closed !== null);
  expect([bob.closed, shown(ann, "w2-bob")]).toEqual([{ code: 4008 }, ["ONLINE", "OFFLINE"]]);
  await Device.connect("w2-bob", "phone");
  await ann.until((one) => shown(one, "w2-bob").length === 3);
  expect(shown(ann, "w2-bob").at(-1)).toBe("ONLINE");
});

test("[E4] [C4] profile background: 60 s", async () => {
  await acquaint("w3-ann", "w3-bob");
  const [ann, bob] = [await Device.connect("w3-ann", "phone"), await Device.connect("w3-bob", "phone")];
  bob.send({ type: "heartbeat", profile: "background" });
  await bob.until((one) => one.frames.at(-1)?.["type"] === "heartbeat");
  expect(bob.frames.at(-1)).toEqual({ type: "heartbeat", profile: "background", interval_ms: 30_000, ttl_ms: 60_000 });
  await evictDurableObject(session("w3-bob"));
  later(55_000);
  await watch(ann, "w3-bob", "ONLINE");
  later(5_001);
  await runDurableObjectAlarm(session("w3-bob"));
  await ann.until((one) => shown(one, "w3-bob").length === 2);
  expect(shown(ann, "w3-bob")).toEqual(["ONLINE", "OFFLINE"]);
});

test("[hibernation] who is watched may sleep in between: nothing is told twice, and nothing is forgotten", async () => {
  await acquaint("w4-ann", "w4-bob");
  const [ann, bob] = [await Device.connect("w4-ann", "phone"), await Device.connect("w4-bob", "phone")];
  await watch(ann, "w4-bob", "ONLINE");
  await evictDurableObject(session("w4-bob"));
  bob.close();
  await ann.until((one) => shown(one, "w4-bob").length === 2);
  await evictDurableObject(session("w4-bob"));
  // The alarm that was set while bob was there still fires, and has nothing to say.
  const before = counted("presence_events");
  await runDurableObjectAlarm(session("w4-bob"));
  expect(counted("presence_events")).toBe(before);
  await evictDurableObject(session("w4-ann"));
  await Device.connect("w4-bob", "phone");
  await ann.until((one) => shown(one, "w4-bob").length === 3);
  expect(shown(ann, "w4-bob")).toEqual(["ONLINE", "OFFLINE", "ONLINE"]);
});

test("[C3] nobody looks: no event and no alarm; and none any more once a subscription is taken back or has ended, or its device is gone", async () => {
  await acquaint("w5-ann", "w5-bob");
  const ann = await Device.connect("w5-ann", "phone");
  const toggle = async () => {
    const before = counted("presence_events");
    const bob = await Device.connect("w5-bob", "phone");
    bob.close();
    await vi.waitFor(async () => expect(await session("w5-bob").sessions()).toMatchObject({ sessions: { devices: [] } }));
    return counted("presence_events") - before;
  };
  const fired = counted("session_alarms");
  expect([await toggle(), await alarmOf("w5-bob")]).toEqual([0, null]);
  await watch(ann, "w5-bob", "OFFLINE");
  expect(await toggle()).toBe(2);
  ann.send({ type: "presence_unsub", users: ["w5-bob"] });
  await vi.waitFor(async () => expect(await rows(session("w5-bob"), "SELECT * FROM watchers")).toEqual([]));
  expect(await toggle()).toBe(0);
  await watch(ann, "w5-bob", "OFFLINE");
  later(60_000);
  expect([await toggle(), await rows(session("w5-bob"), "SELECT * FROM watchers")]).toEqual([0, []]);
  await watch(ann, "w5-bob", "OFFLINE");
  ann.close();
  await vi.waitFor(async () => expect(await session("w5-ann").sessions()).toMatchObject({ sessions: { devices: [] } }));
  // The first change finds nobody there any more.
  expect([await toggle() <= 1, await toggle()]).toEqual([true, 0]);
  await runDurableObjectAlarm(session("w5-bob"));
  expect(await alarmOf("w5-bob")).toBe(null);
  expect(counted("session_alarms") - fired).toBeLessThanOrEqual(1);
});

test("[S] strangers, those who are blocked and those who block see OFFLINE and no time, and hear nothing", async () => {
  await acquaint("w6-ann", "w6-bob");
  await session("w6-eve").register("w6-eve");
  const [ann, eve] = [await Device.connect("w6-ann", "phone"), await Device.connect("w6-eve", "phone")];
  const bob = await Device.connect("w6-bob", "phone");
  const nothing = { status: "OFFLINE", last_seen: null };
  expect(await watch(eve, "w6-bob", "OFFLINE")).toMatchObject(nothing);
  expect(await watch(eve, "w6-nobody", "OFFLINE")).toMatchObject(nothing);
  expect(await watch(ann, "w6-bob", "ONLINE")).toMatchObject({ last_seen: expect.any(Number) as unknown });
  expect(await rows(session("w6-bob"), "SELECT user_id FROM watchers")).toEqual([{ user_id: "w6-ann" }]);
  await runInDurableObject(session("w6-bob"), (_object, state) => void state.storage.sql.exec("INSERT INTO blocks (user_id, at) VALUES ('w6-ann', 0)"));
  const before = counted("presence_events");
  bob.close();
  await vi.waitFor(async () => expect(await session("w6-bob").sessions()).toMatchObject({ sessions: { status: "OFFLINE" } }));
  await Device.connect("w6-bob", "phone");
  expect(counted("presence_events")).toBe(before);
  expect(await watch(ann, "w6-bob", "OFFLINE")).toMatchObject(nothing);
  // From the blocker's side as well, and about oneself one knows.
  const own = await Device.connect("w6-bob", "laptop");
  expect(await watch(own, "w6-ann", "OFFLINE")).toMatchObject(nothing);
  await watch(own, "w6-bob", "ONLINE");
});

test("[E4] last seen is hidden from everybody where the profile says so; whether somebody is there is not", async () => {
  await acquaint("w7-ann", "w7-bob");
  const [ann, bob] = [await Device.connect("w7-ann", "phone"), await Device.connect("w7-bob", "phone")];
  await runInDurableObject(session("w7-bob"), (_object, state) => void state.storage.sql.exec(`UPDATE session SET profile = '{"hide_last_seen":true}'`));
  expect(await watch(ann, "w7-bob", "ONLINE")).toMatchObject({ last_seen: null });
  bob.close();
  await ann.until((one) => shown(one, "w7-bob").length === 2);
  expect(ann.frames.at(-1)).toMatchObject({ status: "OFFLINE", last_seen: null });
  expect(await session("w7-ann").presenceQuery({ users: ["w7-bob", "w7-ann", "w7-bob"] })).toMatchObject({
    presence: [{ user_id: "w7-bob", status: "OFFLINE", last_seen: null }, { user_id: "w7-ann", status: "ONLINE" }, { user_id: "w7-bob" }],
  });
});

test("[D4] a device without credit is told nothing of presence, and stays subscribed", async () => {
  await acquaint("w8-ann", "w8-bob");
  await changeSettings(bindings, { credit_events: 2 });
  const ann = await Device.connect("w8-ann", "phone");
  await watch(ann, "w8-bob", "OFFLINE");
  for (const content of ["1", "2", "3"]) {
    await session("w8-bob").send({ user_id: "w8-bob", exp: Math.floor(Date.now() / 1_000) + 3_600 }, { to: "w8-ann", content, content_type: "text", client_msg_id: content });
  }
  await ann.until((one) => one.frames.some((frame) => frame["type"] === "sync_required"));
  const before = counted("presence_events");
  await Device.connect("w8-bob", "phone");
  await vi.waitFor(() => expect(counted("presence_events")).toBe(before + 1));
  ann.send({ type: "heartbeat", profile: "foreground" });
  await ann.until((one) => one.frames.at(-1)?.["type"] === "heartbeat");
  expect(shown(ann, "w8-bob")).toEqual(["OFFLINE"]);
  expect(await rows(session("w8-bob"), "SELECT user_id FROM watchers")).toEqual([{ user_id: "w8-ann" }]);
  await changeSettings(bindings, { credit_events: 256 });
});
