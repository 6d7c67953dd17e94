// The generator notices what it is there to notice: a figure of traffic that lost or repeated something would be worthless.
import { expect, test } from "vitest";
import type { Device } from "../../bench/device.ts";
import { Traffic } from "../../bench/traffic.ts";
import { WIRES } from "../../bench/wire.ts";

interface Sent {
  client_msg_id: string;
}

/** A socket without a server: the test is the server. */
class FakeDevice implements Device {
  readonly sent: Sent[][] = [];
  readonly user: string;
  readonly wire = WIRES.json;
  private heard: (text: Buffer) => void = () => undefined;

  constructor(user: string) {
    this.user = user;
  }

  send(message: string | Uint8Array): void {
    const parsed = JSON.parse(message as string) as Sent | Sent[];
    this.sent.push(Array.isArray(parsed) ? parsed : [parsed]);
  }

  listen(heard: (text: Buffer) => void): void {
    this.heard = heard;
  }

  async close(): Promise<void> {}

  get(...frames: object[]): void {
    this.heard(Buffer.from(JSON.stringify(frames.length === 1 ? frames[0] : frames)));
  }
}

/** Ann sends two messages to Bob and Cat, as one text. */
function world() {
  const [ann, bob, cat] = ["ann", "bob", "cat"].map((user) => new FakeDevice(user)) as [FakeDevice, FakeDevice, FakeDevice];
  const reactions = { acked: [] as number[], arrived: 0 };
  const traffic = new Traffic([{ device: ann, address: { conversation_id: "g.1" }, recipients: [bob, cat] }], {
    acked: (_sender, count) => reactions.acked.push(count),
    arrived: () => {
      reactions.arrived += 1;
    },
  });
  const [sender] = traffic.senders;
  if (sender === undefined) throw new Error("no sender");
  traffic.send(sender, 2);
  const [first, second] = (ann.sent[0] as Sent[]).map(({ client_msg_id }, i) => ({ client_msg_id, seq: i + 1 })) as [Sent & { seq: number }, Sent & { seq: number }];
  const outcome = () => Promise.race([traffic.failure.catch((error: Error) => error.message), traffic.drained().then(() => "drained")]);
  return { ann, bob, cat, traffic, reactions, first, second, outcome };
}

const ack = (frame: object) => ({ type: "ack", ...frame });
const msg = (frame: object) => ({ type: "msg", ...frame });

test("messages that all arrive once and in order are counted", async () => {
  const { ann, bob, cat, traffic, reactions, first, second, outcome } = world();
  ann.get(ack(first), ack(second));
  bob.get(msg(first), msg(second));
  cat.get(msg(first));
  expect(reactions).toEqual({ acked: [2], arrived: 0 });
  cat.get(msg(second));
  expect(await outcome()).toBe("drained");
  expect([traffic.sent, traffic.tally.ack.count, traffic.tally.delivery.count, reactions.arrived]).toEqual([2, 2, 4, 1]);
});

test.each([
  ["a message that is left out", ({ bob, second }: ReturnType<typeof world>) => bob.get(msg(second)), "bob got message 1 (seq 2) of ann, and not 0"],
  ["a message that comes twice", ({ bob, first }: ReturnType<typeof world>) => bob.get(msg(first), msg(first)), "bob got message 0 (seq 1) of ann, and not 1"],
  ["a message that comes to its sender", ({ ann, first }: ReturnType<typeof world>) => ann.get(msg(first)), "ann got message 0 (seq 1) of ann, and not undefined"],
  ["an acknowledgement that is left out", ({ ann, second }: ReturnType<typeof world>) => ann.get(ack(second)), "ann got the acknowledgement of message 1 (seq 2) of ann, and not 0"],
  ["an acknowledgement for somebody else", ({ bob, first }: ReturnType<typeof world>) => bob.get(ack(first)), "bob got the acknowledgement of message 0 (seq 1) of ann, and not 0"],
  ["two places in the order", ({ ann, bob, first }: ReturnType<typeof world>) => {
    ann.get(ack(first));
    bob.get(msg({ ...first, seq: 7 }));
  }, "message 0 of ann has seq 1 and seq 7"],
  ["a message of another run", ({ bob, first }: ReturnType<typeof world>) => bob.get(msg({ ...first, client_msg_id: "x.0.0" })), "a message of another run: x.0.0"],
  ["an error", ({ ann }: ReturnType<typeof world>) => ann.get({ type: "error", code: "rate_limited", message: "Too many requests." }), "the server says rate_limited: Too many requests."],
  ["a gap that the client is to fill", ({ bob }: ReturnType<typeof world>) => bob.get({ type: "sync_required", conversations: [] }), "the server says sync_required"],
])("%s is a failure", async (_what, happen, failure) => {
  const given = world();
  happen(given);
  expect(await given.outcome()).toBe(failure);
});
