// A bucket that does not answer: the chat does not notice.
import { runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { bindings, conversation, Device, directId, session } from "./objects.ts";

const bucket = bindings.SEGMENTS as R2Bucket;

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("[archive] while the bucket hangs, members without a socket still hear of every message", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  const id = directId("slow-ann", "slow-bob");
  await session("slow-bob").register("slow-bob");
  const connect = () => Device.connect("slow-ann", "phone", Math.floor(Date.now() / 1_000) + 48 * 3_600);
  let ann = await connect();
  const send = async (key: string) => {
    ann.send({ type: "msg", to: "slow-bob", content: key, client_msg_id: key });
    await ann.until((device) => device.frames.some((frame) => frame["type"] === "ack" && frame["client_msg_id"] === key));
  };
  await send("1");
  const answer = Promise.withResolvers<void>();
  // Every access gives another bucket; what they share is their class.
  const shared = Object.getPrototypeOf(bucket) as Record<"put", (...given: unknown[]) => Promise<unknown>>;
  const name = "put";
  const plain = shared[name];
  const put = vi.spyOn(shared, name).mockImplementation(async function (this: R2Bucket, ...given: unknown[]) {
    await answer.promise;
    return plain.call(this as never, ...given);
  } as never);
  vi.setSystemTime(Date.now() + 25 * 3_600_000);
  expect(await runDurableObjectAlarm(conversation(id))).toBe(true);
  expect(put).toHaveBeenCalledOnce();
  // A day without a ping: the first socket is taken for dead.
  ann = await connect();
  // Not idle: what comes now is settled by the next alarm.
  await send("2");
  await send("3");
  vi.setSystemTime(Date.now() + 4_000);
  await runDurableObjectAlarm(conversation(id));
  const stats = await conversation(id).stats();
  expect(stats.ok && [stats.stats.head_seq, stats.stats.fanout_seq]).toEqual([3, 3]);
  expect(put).toHaveBeenCalledOnce();
  answer.resolve();
  await vi.waitFor(async () => expect((await bucket.list()).objects.some(({ key }) => key.includes(id))).toBe(true));
});
