// One user on several sockets: what each of them gets of what the others send.
import { afterEach, expect, test, vi } from "vitest";
import { changeSettings } from "../../durable-objects/settings/current.ts";
import { bindings, conversation, Device, directId, session } from "./objects.ts";

afterEach(() => {
  vi.useRealTimers();
});

const msg = (to: string, key: string) => ({ type: "msg", to, content: key, client_msg_id: key });

test("[B5] two windows of one device both show what either of them sends", async () => {
  await session("win-bob").register("win-bob");
  const [first, second] = [await Device.connect("win-ann", "laptop"), await Device.connect("win-ann", "laptop")];
  for (const key of ["1", "2", "3"]) first.send(msg("win-bob", key));
  await second.until((device) => device.messages().length >= 3);
  expect(second.messages()).toEqual(["1", "2", "3"]);
});

test("[B5] a device with one socket gets acknowledgements of its own messages, and no events", async () => {
  await session("own-bob").register("own-bob");
  const [phone, laptop] = [await Device.connect("own-ann", "phone"), await Device.connect("own-ann", "laptop")];
  for (const key of ["1", "2", "3"]) phone.send(msg("own-bob", key));
  await laptop.until((device) => device.messages().length === 3);
  await phone.until((device) => device.frames.filter((frame) => frame["type"] === "ack").length === 3);
  laptop.send(msg("own-bob", "4"));
  await phone.until((device) => device.messages().length === 1);
  expect([phone.messages(), laptop.messages()]).toEqual([["4"], ["1", "2", "3"]]);
});

test("[fan-out] who connects while a conversation waits long to settle gets what comes at once", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  await changeSettings(bindings, { settle_after_ms: 60_000 });
  await session("long-bob").register("long-bob");
  const ann = await Device.connect("long-ann", "phone");
  const send = async (key: string) => {
    ann.send(msg("long-bob", key));
    await ann.until((device) => device.frames.some((frame) => frame["type"] === "ack" && frame["client_msg_id"] === key));
  };
  const marks = async () => {
    const stats = await conversation(directId("long-ann", "long-bob")).stats();
    return stats.ok && [stats.stats.head_seq, stats.stats.fanout_seq];
  };
  await send("1");
  await vi.waitFor(async () => expect(await marks()).toEqual([1, 1]));
  vi.setSystemTime(Date.now() + 20_000);
  await send("2");
  expect(await marks()).toEqual([2, 1]);
  const bob = await Device.connect("long-bob", "phone");
  // In order behind bob's own coming: his session has told the conversation by now.
  bob.send({ type: "resume", cursors: { [directId("long-ann", "long-bob")]: { epoch: 1, seq: 1 } } });
  await bob.until((device) => device.messages().includes("2"));
  await send("3");
  await bob.until((device) => device.messages().includes("3"));
});
