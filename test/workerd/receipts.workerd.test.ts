// Receipts over hibernation of both objects, a conversation that dies between storing and telling, and what is written.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { conversation, Device, directId, rows, session } from "./objects.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const msg = (to: string, key: string) => ({ type: "msg", to, content: key, client_msg_id: key });
const receipt = (conversation_id: string, up_to_seq: number, status: "DELIVERED" | "READ") => ({ type: "receipt", conversation_id, up_to_seq, status });
const told = (device: Device, status: string, seq: number) => device.frames.some((frame) => frame["type"] === "status" && frame["status"] === status && frame["up_to_seq"] === seq);

async function pair(name: string): Promise<{ ann: Device; bob: Device; id: string }> {
  const [ann, bob] = [await Device.connect(`${name}-ann`, "a"), await Device.connect(`${name}-bob`, "b")];
  ann.send(msg(`${name}-bob`, "1"));
  await bob.until((device) => device.messages().length === 1);
  return { ann, bob, id: directId(`${name}-ann`, `${name}-bob`) };
}

test("[R14] evicted objects on both sides: a receipt still reaches the sender, and a lower one changes nothing", async () => {
  const { ann, bob, id } = await pair("rh");
  bob.send(receipt(id, 1, "DELIVERED"));
  await ann.until((device) => told(device, "DELIVERED", 1));
  for (const stub of [conversation(id), session("rh-ann"), session("rh-bob")]) await evictDurableObject(stub);
  bob.send(receipt(id, 1, "READ"));
  await ann.until((device) => told(device, "READ", 1));
  for (const stub of [conversation(id), session("rh-ann"), session("rh-bob")]) await evictDurableObject(stub);
  const before = await rows(conversation(id), "SELECT body FROM receipts");
  expect(await conversation(id).receipts({ user_id: "rh-bob", delivered_seq: 1 })).toMatchObject({ ok: true, marks: { delivered_seq: 1, read_seq: 1, read_msg_no: 1 } });
  expect(await rows(conversation(id), "SELECT body FROM receipts")).toEqual(before);
});

test("[R14] a conversation that died after it stored a receipt tells the sender when it is asked again", async () => {
  const { ann, bob, id } = await pair("ra");
  let lost = 0;
  await runInDurableObject(conversation(id), (object) => {
    const prototype = Object.getPrototypeOf(object) as { receipts: (call: object) => Promise<unknown> };
    const plain = prototype.receipts;
    vi.spyOn(prototype, "receipts").mockImplementation(async function (this: never, call: object) {
      const reply = await plain.call(this, call);
      lost += 1;
      if (lost > 1) return reply;
      // What was to be told dies with it.
      throw new Error("the object was restarted");
    });
  });
  await runInDurableObject(session("ra-ann"), (object) => {
    const prototype = Object.getPrototypeOf(object) as { told(call: object): Promise<unknown> };
    vi.spyOn(prototype, "told").mockImplementationOnce(() => Promise.reject(new Error("never arrived")));
  });
  bob.send(receipt(id, 1, "READ"));
  await ann.until((device) => told(device, "READ", 1));
  expect(lost).toBeGreaterThan(1);
});

test.each([
  ["the next receipt of any device brings it", "rd", (id: string) => receipt(id, 1, "DELIVERED")],
  ["a device that comes back brings it", "rc", (id: string) => ({ type: "resume", cursors: { [id]: { epoch: 1, seq: 1 } } })],
])("[R7] the session that was to store what its user has read dies with the answer: %s", async (_what, name, frame) => {
  const { bob, id } = await pair(name);
  await vi.waitFor(async () => {
    const stats = await conversation(id).stats();
    expect(stats.ok && stats.stats.fanout_seq).toBe(1);
  });
  expect(await conversation(id).receipts({ user_id: `${name}-bob`, read_seq: 1 })).toMatchObject({ ok: true, marks: { read_seq: 1, settles: false } });
  bob.send(frame(id));
  await bob.until((device) => device.frames.some((told) => told["type"] === "inbox" && (told["conversation"] as { unread: number }).unread === 0));
  expect(await rows(session(`${name}-bob`), "SELECT read_seq, read_msg_no FROM inbox")).toEqual([{ read_seq: 1, read_msg_no: 1 }]);
});

test("[R15] a message alone writes eight rows with its receipts: two when it is sent, three when it settles, one each to deliver and to read, and one in the inbox", async () => {
  const { ann, bob, id } = await pair("rr");
  bob.send(receipt(id, 1, "READ"));
  await ann.until((device) => told(device, "READ", 1));
  const written = async () => {
    const stats = await conversation(id).stats();
    const sessions = await Promise.all(["rr-ann", "rr-bob"].map((user) => runInDurableObject(session(user), (object) => (object as unknown as { core: { store: { sql: { rowsWritten: number } } } }).core.store.sql.rowsWritten)));
    return (stats.ok ? stats.stats.rows_written : 0) + (sessions[0] ?? 0) + (sessions[1] ?? 0);
  };
  await vi.waitFor(async () => {
    const stats = await conversation(id).stats();
    expect(stats.ok && stats.stats.fanout_seq).toBe(1);
  });
  // Long after, so that it is alone.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 5_000 });
  const before = await written();
  ann.send(msg("rr-bob", "2"));
  await bob.until((device) => device.messages().length === 2);
  await vi.waitFor(async () => {
    const stats = await conversation(id).stats();
    expect(stats.ok && stats.stats.fanout_seq).toBe(2);
  }, { timeout: 10_000 });
  for (const status of ["DELIVERED", "READ"] as const) {
    bob.send(receipt(id, 2, status));
    await ann.until((device) => told(device, status, 2));
  }
  await vi.waitFor(async () => expect((await rows(session("rr-bob"), "SELECT read_seq FROM inbox"))[0]).toEqual({ read_seq: 2 }), { timeout: 10_000 });
  expect((await written()) - before).toBeLessThanOrEqual(8);
});
