// Devices and what is known of them over hibernation.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { Device, session } from "./objects.ts";

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
