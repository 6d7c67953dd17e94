// Who counts as there: a socket that has been silent past its limit gets the message, and its user a push.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { conversation, Device, directId, rows, session } from "./objects.ts";

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

/** The time goes to the next redelivery, and it is made. */
async function redeliver(id: string, ms: number): Promise<void> {
  vi.setSystemTime(Date.now() + ms);
  await runDurableObjectAlarm(conversation(id));
}

test.each([["goes silent", false], ["breaks off", true]])("[B7] [I6] a message that nobody acknowledges, because the socket %s right then, is one push once no device is there", async (how, breaks) => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  const [from, to] = [`dead-ann-${breaks}`, `dead-bob-${breaks}`];
  const id = directId(from, to);
  const [ann, bob] = [await Device.connect(from, "a"), await Device.connect(to, "b")];
  await send(ann, from, to, "one");
  await bob.until((device) => device.messages().length === 1);
  expect(await queueOf(to), `not while it seems to be there, until it ${how}`).toEqual([]);
  if (breaks) bob.close();
  await vi.waitFor(async () => {
    const known = await session(to).sessions();
    expect(known.ok && known.sessions.devices.length).toBe(breaks ? 0 : 1);
  });
  await redeliver(id, 3_000);
  expect((await queueOf(to)).length, "3 s").toBe(breaks ? 1 : 0);
  for (const ms of [7_000, 20_000, 60_000]) await redeliver(id, ms);
  expect(await queueOf(to)).toEqual([[1, 1]]);
  expect(await rows(conversation(id), "SELECT * FROM unacknowledged")).toEqual([]);
  // Sent by now: what comes again anyway, after a lost answer or a crash, speaks of nothing new.
  await runInDurableObject(session(to), (_object, state) => void state.storage.sql.exec("DELETE FROM pushes"));
  const [event] = await rows(conversation(id), "SELECT msg_id FROM events WHERE seq = 1");
  const json = JSON.stringify({ type: "msg", conversation_id: id, epoch: 1, seq: 1, msg_id: event?.["msg_id"], sender_id: from, sent_at: Date.now(), content: "one", content_type: "text" });
  await session(to).deliver({
    conversation_id: id, kind: "direct", title: null, pair: [from, to], epoch: 1, events: { from_seq: 1, to_seq: 1, json }, own: [], head_seq: 1,
    head_msg_no: 1, head_at: Date.now(), sent: null, settle: false, again: true, left: false,
  });
  expect(await queueOf(to)).toEqual([]);
});

test("[B7] [I6] a message that is acknowledged, or whose user has another device that is there, comes again and is no push", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  const ann = await Device.connect("kept-ann", "a");
  const [bob, dead, alive] = [await Device.connect("kept-bob", "b"), await Device.connect("kept-cat", "dead"), await Device.connect("kept-cat", "alive")];
  const [toBob, toCat] = [directId("kept-ann", "kept-bob"), directId("kept-ann", "kept-cat")];
  await send(ann, "kept-ann", "kept-bob", "one");
  await send(ann, "kept-ann", "kept-cat", "two");
  await Promise.all([bob, dead, alive].map((device) => device.until(() => device.messages().length === 1)));
  bob.send({ type: "receipt", conversation_id: toBob, up_to_seq: 1, status: "DELIVERED" });
  await vi.waitFor(async () => {
    const reply = await conversation(toBob).messageReceipts({ user_id: "kept-ann", msg_id: String((await rows(conversation(toBob), "SELECT msg_id FROM events WHERE seq = 1"))[0]?.["msg_id"]) });
    expect(reply.ok && reply.receipts.map(({ status }) => status)).toContain("DELIVERED");
  });
  bob.close();
  dead.close();
  for (const ms of [3_000, 7_000, 20_000]) {
    const beats = alive.frames.filter((frame) => frame["type"] === "heartbeat").length;
    alive.send({ type: "heartbeat", profile: "foreground" });
    await alive.until((device) => device.frames.filter((frame) => frame["type"] === "heartbeat").length > beats);
    for (const id of [toBob, toCat]) await runDurableObjectAlarm(conversation(id));
    vi.setSystemTime(Date.now() + ms);
  }
  for (const id of [toBob, toCat]) await runDurableObjectAlarm(conversation(id));
  expect([await queueOf("kept-bob"), await queueOf("kept-cat")]).toEqual([[], []]);
});
