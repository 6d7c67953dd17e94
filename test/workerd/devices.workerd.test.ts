// One user on several sockets: what each of them gets of what the others send.
import { expect, test } from "vitest";
import { Device, session } from "./objects.ts";

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
