// Coming back: what a device is told of all that it missed, whatever is broken or under way meanwhile.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { conversation, Device, directId, session } from "./objects.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const msg = (to: string, key: string) => ({ type: "msg", to, content: key, client_msg_id: key.replaceAll(" ", "-") });

async function direct(a: string, b: string, texts: string[]): Promise<string> {
  const [one, other] = [await Device.connect(a, "setup"), await Device.connect(b, "setup")];
  for (const text of texts) one.send(msg(b, text));
  await other.until((device) => device.messages().length === texts.length);
  one.close();
  other.close();
  return directId(a, b);
}

type Method = (call: object) => Promise<unknown>;

/** Calls of one object's method go through `around`. */
async function surround(stub: DurableObjectStub, method: "resume" | "deliver", around: (plain: () => Promise<unknown>) => Promise<unknown>): Promise<void> {
  await runInDurableObject(stub, (object, { id }) => {
    const prototype = Object.getPrototypeOf(object) as Record<typeof method, Method>;
    const plain = prototype[method];
    vi.spyOn(prototype, method).mockImplementation(async function (this: unknown, call: object) {
      const given = () => plain.call(this as never, call);
      return (this as { ctx: DurableObjectState }).ctx.id.equals(id) ? around(given) : given();
    } as Method);
  });
}

/** The next calls fail as a restarted object's do. */
function fails(times: number): (plain: () => Promise<unknown>) => Promise<unknown> {
  let left = times;
  return async (plain) => {
    left -= 1;
    if (left >= 0) throw new Error("the object was restarted");
    return plain();
  };
}

const cursors = (ids: string[]) => Object.fromEntries(ids.map((id) => [id, { epoch: 1, seq: 0 }]));

test("[D11] a conversation that restarts while a device resumes is asked again", async () => {
  const [first, second] = [await direct("res-ann", "res-bob", ["a"]), await direct("res-ann", "res-cat", ["b"])];
  await surround(conversation(first), "resume", fails(1));
  const ann = await Device.connect("res-ann", "phone");
  ann.send({ type: "resume", cursors: cursors([first, second]), user_seq: 0 });
  await ann.until((device) => device.messages().length === 2);
  expect(ann.frames.filter((frame) => frame["type"] === "error")).toEqual([]);
});

test("[D11] a conversation that stays away is named, and all others resume", async () => {
  const [first, second] = [await direct("away-ann", "away-bob", ["a"]), await direct("away-ann", "away-cat", ["b"])];
  await surround(conversation(first), "resume", fails(Number.POSITIVE_INFINITY));
  const ann = await Device.connect("away-ann", "phone");
  ann.send({ type: "resume", cursors: cursors([first, second]), user_seq: 0 });
  await ann.until((device) => device.messages().length === 1 && device.frames.some((frame) => frame["type"] === "error"));
  expect(ann.messages()).toEqual(["b"]);
  expect(ann.frames.find((frame) => frame["type"] === "error")).toMatchObject({ type: "error", code: "unavailable", retryable: true, conversation_id: first });
});

test("[A26] a device that comes while another one's message is on its way gets that message", async () => {
  const id = await direct("way-ann", "way-bob", ["a"]);
  const phone = await Device.connect("way-ann", "phone");
  phone.send(msg("way-bob", "b"));
  await phone.until((device) => device.frames.some((frame) => frame["type"] === "ack"));
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 4_000 });
  await runDurableObjectAlarm(conversation(id));
  // A conversation that settled long ago counts as known, and is not asked.
  vi.setSystemTime(Date.now() + 130_000);
  const settle = Promise.withResolvers<void>();
  await surround(session("way-ann"), "deliver", (plain) => settle.promise.then(plain));
  phone.send(msg("way-bob", "c"));
  await phone.until((device) => device.frames.filter((frame) => frame["type"] === "ack").length === 2);
  const laptop = await Device.connect("way-ann", "laptop");
  laptop.send({ type: "resume", cursors: { [id]: { epoch: 1, seq: 2 } } });
  // Answered behind the resume.
  laptop.send({ type: "msg", to: "way-bob", content: "", client_msg_id: "empty" });
  await laptop.until((device) => device.frames.some((frame) => frame["type"] === "error"));
  settle.resolve();
  await laptop.until((device) => device.messages().length === 1);
  expect(laptop.messages()).toEqual(["c"]);
});

test("[B11] a device that asks for a conversation which its session has not heard of hides it from no other device", async () => {
  for (const user of ["late-ann", "late-bob"]) await session(user).register(user);
  const id = `g.${"1a7e".repeat(8)}`;
  // As after a crash between the creation's commit and its settle.
  await surround(session("late-ann"), "deliver", fails(1));
  const created = await conversation(id).create({
    conversation_id: id, creator_id: "late-ann", title: "Late", members: ["late-bob"], max_members: 10, location_hint: null, jurisdiction: null,
  });
  expect(created.ok).toBe(true);
  await vi.waitFor(async () => {
    const stats = await conversation(id).stats();
    expect(stats.ok && stats.stats.lagging).toBe(1);
  }, { timeout: 10_000 });
  const [phone, laptop] = [await Device.connect("late-ann", "phone"), await Device.connect("late-ann", "laptop")];
  laptop.send({ type: "resume", cursors: {}, user_seq: 0 });
  phone.send({ type: "resume", cursors: cursors([id]), user_seq: 0 });
  const has = (device: Device) => device.frames.some((frame) => frame["type"] === "created" && frame["conversation_id"] === id);
  await phone.until(has);
  expect(has(laptop)).toBe(false);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 4_000 });
  await runDurableObjectAlarm(conversation(id));
  await laptop.until(has);
});
