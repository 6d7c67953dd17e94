// Sockets that speak protobuf inside workerd: what they are outlives hibernation.
import { evictDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { conversation, Device, directId, session } from "./objects.ts";

const msg = (to: string, key: string) => ({ type: "msg", to, content: key, client_msg_id: key });
const connect = (user: string, device: string, encoding: "json" | "pb") => Device.connect(user, device, undefined, encoding);

test("[D5] a protobuf socket is still one after its session or the conversation was evicted [W6]", async () => {
  const [ann, bob, text] = [await connect("pb-ann", "a", "pb"), await connect("pb-bob", "b", "pb"), await connect("pb-bob", "t", "json")];
  ann.send(msg("pb-bob", "one"));
  await Promise.all([bob, text].map((device) => device.until((one) => one.messages().includes("one"))));
  await evictDurableObject(session("pb-bob"));
  ann.send(msg("pb-bob", "two"));
  await Promise.all([bob, text].map((device) => device.until((one) => one.messages().includes("two"))));
  await evictDurableObject(conversation(directId("pb-ann", "pb-bob")));
  bob.send(msg("pb-ann", "three"));
  await Promise.all([ann, text].map((device) => device.until((one) => one.messages().includes("three"))));
  await bob.until((one) => one.frames.some((frame) => frame["type"] === "ack"));
  // An evicted conversation may send again what it has sent: by content.
  const seen = (device: Device) => Object.fromEntries(device.frames.filter((frame) => frame["type"] === "msg").map((frame) => [frame["content"], frame]));
  expect(seen(text)).toEqual({ ...seen(bob), ...seen(ann) });
  expect(Object.keys(seen(text))).toEqual(["one", "two", "three"]);
  expect([ann.texts, bob.texts]).toEqual([[], []]);
  expect(text.texts.length).toBeGreaterThan(2);
});
