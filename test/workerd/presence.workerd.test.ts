// Devices and what is known of them over hibernation.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import type { UserSessions } from "../../protocol/rpc/presence.ts";
import { conversation, Device, directId, session } from "./objects.ts";

afterEach(() => {
  vi.useRealTimers();
});

const attachments = (user: string) =>
  runInDurableObject(session(user), (_object, state) => state.getWebSockets().map((ws) => ws.deserializeAttachment() as { v: number; device_id: string }));

test("[hibernation] a socket of the version before is understood", async () => {
  const device = await Device.connect("pres-v1", "phone");
  await device.until((one) => one.frames.length === 1);
  await runInDurableObject(session("pres-v1"), (_object, state) => {
    const exp = Math.floor(Date.now() / 1_000) + 3_600;
    for (const ws of state.getWebSockets()) ws.serializeAttachment({ v: 1, user_id: "pres-v1", device_id: "phone", exp, connected_at: Date.now() - 5_000 });
  });
  await evictDurableObject(session("pres-v1"));
  device.send({ type: "msg", to: "pres-v1", content: "x", client_msg_id: "x" });
  await device.until((one) => one.frames.some((frame) => frame["type"] === "ack"));
  expect((await attachments("pres-v1")).map(({ v, device_id }) => `${v} ${device_id}`)).toEqual(["2 phone"]);
});

test("[D9] a delivery closes a socket that is silent past its limit, after it had its chance", async () => {
  const silent = await Device.connect("pres-stale", "phone");
  const bob = await Device.connect("pres-bob", "phone");
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 31_000 });
  const fresh = await Device.connect("pres-bob", "laptop");
  fresh.send({ type: "msg", to: "pres-stale", content: "x", client_msg_id: "x" });
  await silent.until((device) => device.closed !== null);
  expect([silent.closed, silent.messages()]).toEqual([{ code: 4008 }, ["x"]]);
  // The newcomer's coming has swept the other one.
  await bob.until((device) => device.closed !== null);
  expect([bob.closed, fresh.closed]).toEqual([{ code: 4008 }, null]);
});

test("[D9] a delivery that nobody acknowledges sets an alarm for the moment when its device has been silent for too long, though nobody watches", async () => {
  const [ann, bob] = [await Device.connect("pres-d9a", "phone"), await Device.connect("pres-d9b", "phone")];
  const alarm = () => runInDurableObject(session("pres-d9b"), (_object, state) => state.storage.getAlarm());
  ann.send({ type: "msg", to: "pres-d9b", content: "x", client_msg_id: "x" });
  await bob.until((device) => device.messages().length === 1);
  expect(await alarm()).toBe(null);
  const connectedAt = (await session("pres-d9b").sessions() as { sessions: UserSessions }).sessions.devices[0]?.last_heartbeat as number;
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 4_000 });
  await runDurableObjectAlarm(conversation(directId("pres-d9a", "pres-d9b")));
  await bob.until((device) => device.messages().length === 2);
  expect(await alarm()).toBe(connectedAt + 30_000);
  vi.setSystemTime(connectedAt + 30_001);
  await runDurableObjectAlarm(session("pres-d9b"));
  await bob.until((device) => device.closed !== null);
  expect([bob.closed, await alarm()]).toEqual([{ code: 4008 }, null]);
});

test("[devices] the eleventh device: the first to have connected is told, and closed with 4012", async () => {
  const first = await Device.connect("pres-many", "d0");
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1_000 });
  const rest = await Promise.all(Array.from({ length: 9 }, (_, i) => Device.connect("pres-many", `d${i + 1}`)));
  const window = await Device.connect("pres-many", "d1");
  expect([first, window].map((device) => device.closed)).toEqual([null, null]);
  const eleventh = await Device.connect("pres-many", "d10");
  await first.until((device) => device.closed !== null);
  expect([first.closed, first.frames.at(-1)]).toEqual([{ code: 4012 }, { type: "going_away", retry_after_ms: 60_000 }]);
  expect([...rest, window, eleventh].filter((device) => device.closed !== null)).toEqual([]);
});
