// Who counts as there: a socket that has been silent past its limit gets the message, and its user a push.
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { conversation, Device, directId, session } from "./objects.ts";

afterEach(() => {
  vi.useRealTimers();
});

const msg = (to: string, key: string) => ({ type: "msg", to, content: key, client_msg_id: key });
const queueOf = async (user: string) => {
  const reply = await session(user).pushes();
  if (!reply.ok) throw new Error(reply.code);
  return reply.pushes.map(({ from_seq, to_seq }) => [from_seq, to_seq]);
};

/** Sends, and waits until everybody's inbox has it. */
async function send(ann: Device, from: string, to: string, key: string): Promise<void> {
  ann.send(msg(to, key));
  await ann.until((device) => device.frames.some((frame) => frame["type"] === "ack" && frame["client_msg_id"] === key));
  const id = directId(from, to);
  const isSettled = async () => {
    const reply = await conversation(id).stats();
    return reply.ok && reply.stats.fanout_seq === reply.stats.head_seq;
  };
  await vi.waitFor(async () => {
    if (!(await isSettled())) {
      // A busy conversation settles by its alarm.
      vi.setSystemTime(Date.now() + 3_100);
      await runDurableObjectAlarm(conversation(id));
    }
    expect(await isSettled()).toBe(true);
  });
}

test.each([["silent", false], ["silent, and its object evicted", true]])("[B7] [A8] [I6] a socket that is %s gets the message, its user a push, and the next connection the rest", async (_how, evicted) => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  const [from, to] = [`b7-ann-${evicted}`, `b7-bob-${evicted}`];
  const [ann, bob] = [await Device.connect(from, "a"), await Device.connect(to, "b")];
  await send(ann, from, to, "in-time");
  await bob.until((device) => device.messages().length === 1);
  expect(await queueOf(to)).toEqual([]);
  // Ann pings, bob does not: his 30 s are over.
  vi.setSystemTime(Date.now() + 31_000);
  if (evicted) await evictDurableObject(session(to));
  ann.send("ping");
  await send(ann, from, to, "late");
  await bob.until((device) => device.messages().length === 2);
  await bob.until((device) => device.closed !== null);
  expect([bob.messages(), bob.closed, await queueOf(to)]).toEqual([["in-time", "late"], { code: 4008 }, [[2, 2]]]);
  await send(ann, from, to, "later");
  expect(await queueOf(to)).toEqual([[2, 3]]);
  const back = await Device.connect(to, "b");
  back.send({ type: "resume", cursors: { [directId(from, to)]: { epoch: 1, seq: 1 } } });
  await back.until((device) => device.messages().length === 2);
  expect(back.messages()).toEqual(["late", "later"]);
  back.send({ type: "receipt", conversation_id: directId(from, to), up_to_seq: 3, status: "READ" });
  await vi.waitFor(async () => expect(await queueOf(to)).toEqual([]));
});

test("[B7] [I6] who pings in time, or said that they ping less often, is there", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  const ann = await Device.connect("fresh-ann", "a");
  const [pinging, background] = [await Device.connect("fresh-bob", "b"), await Device.connect("fresh-cat", "c")];
  background.send({ type: "heartbeat", profile: "background" });
  await background.until((device) => device.frames.some((frame) => frame["type"] === "heartbeat"));
  vi.setSystemTime(Date.now() + 29_000);
  pinging.send({ type: "receipt", conversation_id: directId("fresh-ann", "fresh-bob"), up_to_seq: 1, status: "READ" });
  await pinging.until((device) => device.frames.some((frame) => frame["type"] === "error"));
  vi.setSystemTime(Date.now() + 15_000);
  await send(ann, "fresh-ann", "fresh-bob", "one");
  await send(ann, "fresh-ann", "fresh-cat", "two");
  expect([await queueOf("fresh-bob"), await queueOf("fresh-cat")]).toEqual([[], []]);
});
