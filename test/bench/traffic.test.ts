// The generator notices what it is there to notice: a figure of traffic that lost or repeated something would be worthless.
import { expect, test } from "vitest";
import { now } from "../../bench/generator/clock.ts";
import { FakeDevice, traffic } from "./world.ts";

/** Ann sends two messages to Bob and Cat, as one unit, all in one process. */
function world(planned = now()) {
  const [ann, bob, cat] = ["ann", "bob", "cat"].map((user) => new FakeDevice(user)) as [FakeDevice, FakeDevice, FakeDevice];
  const { made, seen, outcome } = traffic({ ann, recipients: [bob, cat], elsewhere: 0 });
  const [sender] = made.senders;
  if (sender === undefined) throw new Error("no sender");
  made.send(sender, 2, planned);
  const [first, second] = ann.keys.map((key, i) => ({ key, seq: i + 1 })) as [{ key: string; seq: number }, { key: string; seq: number }];
  return { ann, bob, cat, made, seen, first, second, outcome: () => outcome(2) };
}

const ack = (seen: object) => ({ ...seen, ack: true });

test("messages that all arrive once and in order are counted", async () => {
  const { ann, bob, cat, made, seen, first, second, outcome } = world();
  ann.get(ack(first), ack(second));
  bob.get(first, second);
  cat.get(first);
  expect(seen).toEqual({ acked: [2], arrived: 0, here: [] });
  cat.get(second);
  expect(await outcome()).toBe("drained");
  expect([made.tally.ack.count, made.tally.delivery.count, seen.arrived]).toEqual([2, 4, 1]);
});

test("latency counts from when a message was to be sent, and not from when the generator came to it", () => {
  const late = 500;
  const { ann, made, first } = world(now() - late);
  ann.get(ack(first));
  expect(made.tally.ack.all()[0]).toBeGreaterThanOrEqual(late);
});

test("what comes before or after the counted time is not counted", () => {
  const { ann, made, first, second } = world();
  made.tally = new (made.tally.constructor as new (from: number, to: number) => typeof made.tally)(now() + 60_000, now() + 61_000);
  ann.get(ack(first), ack(second));
  expect([made.tally.ack.count, made.tally.bytes]).toEqual([0, 0]);
});

test.each([
  ["a message that is left out", ({ bob, second }: ReturnType<typeof world>) => bob.get(second), "bob got message 1 (seq 2) of sender 0, and not 0"],
  ["a message that comes twice", ({ bob, first }: ReturnType<typeof world>) => bob.get(first, first), "bob got message 0 (seq 1) of sender 0, and not 1"],
  ["a message that comes to its sender", ({ ann, first }: ReturnType<typeof world>) => ann.get(first), "ann got message 0 (seq 1) of sender 0, and not -1"],
  ["an acknowledgement that is left out", ({ ann, second }: ReturnType<typeof world>) => ann.get(ack(second)), "ann got the acknowledgement of message 1 (seq 2) of sender 0, and not 0"],
  ["an acknowledgement for somebody else", ({ bob, first }: ReturnType<typeof world>) => bob.get(ack(first)), "bob got the acknowledgement of message 0 (seq 1) of sender 0, and not 0"],
  ["two places in the order", ({ ann, bob, first }: ReturnType<typeof world>) => {
    ann.get(ack(first));
    bob.get({ ...first, seq: 7 });
  }, "message 0 of sender 0 has seq 1 and seq 7"],
  ["a message of another run", ({ bob, first }: ReturnType<typeof world>) => bob.get({ ...first, key: "x.0.0.0" }), "a message of another run: x.0.0.0"],
  ["an error", ({ ann }: ReturnType<typeof world>) => ann.get({ error: "rate_limited" }), "the server says rate_limited"],
])("%s is a failure", async (_name, act, message) => {
  const given = world();
  act(given);
  expect(await given.outcome()).toBe(message);
});

test("a sender goes on once every process has its last message, and not before", () => {
  const [ann, bob, cat] = ["ann", "bob", "cat"].map((user) => new FakeDevice(user)) as [FakeDevice, FakeDevice, FakeDevice];
  const home = traffic({ ann, recipients: [bob], elsewhere: 1 });
  const away = traffic({ ann: null, recipients: [cat], elsewhere: 0 });
  const [sender] = home.made.own;
  if (sender === undefined) throw new Error("no sender");
  home.made.send(sender, 1, now());
  const first = { key: ann.keys[0] as string, seq: 1 };
  ann.get(ack(first));
  bob.get(first);
  expect(home.seen.arrived).toBe(0);
  cat.get(first);
  expect(away.seen.here).toEqual([0]);
  home.made.arrivedElsewhere(0, 0);
  expect(home.seen.arrived).toBe(1);
  // Both have seen the same places.
  expect(home.made.digest).toBe(away.made.digest);
});

test("processes that saw messages at different places differ in their digest", () => {
  const digests = [[1, 2], [2, 1]].map((seqs) => {
    const cat = new FakeDevice("cat");
    const { made } = traffic({ ann: null, recipients: [cat], elsewhere: 0 });
    for (const [number, seq] of seqs.entries()) cat.get({ key: `run.0.${number}.0`, seq });
    return made.digest;
  });
  expect(digests[0]).not.toBe(digests[1]);
});
