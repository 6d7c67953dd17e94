// The transport of those who can't have a socket: long polls and posted frames, against the started product.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Event } from "../../protocol/events.ts";
import { startProduct, type Product } from "../product.ts";
import { size } from "../sizes.ts";
import { codeOf, newUser, operator, until, untilSettled, type User } from "./api.ts";
import { noUpgradeProxy, type NoUpgradeProxy } from "./no-upgrade-proxy.ts";
import { Poller } from "./poller.ts";
import { RawSocket, refusedUpgrade, type Frame } from "./raw-socket.ts";

let product: Product;
let proxy: NoUpgradeProxy;
let service: User;

const limit = (rate: number) => service.call("PATCH", "/v1/admin/settings", { rate_limit: rate, rate_burst: rate });

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_SETTLE_AFTER_MS: "300" } });
  proxy = await noUpgradeProxy(product.url);
  service = await operator(product);
  await limit(0);
});

afterAll(async () => {
  await proxy.close();
  await product.discard();
});

const people = async (): Promise<[User, User]> => [await newUser(product, "ann"), await newUser(product, "bob")];
const msg = (to: User, content: string, client_msg_id = content) => ({ type: "msg", to: to.name, content, client_msg_id });
const isMsg = (content: string) => (frame: Frame) => frame.type === "msg" && frame["content"] === content;

describe("polling", () => {
  test("[A17] [I3] over a proxy that refuses upgrades two users chat, and a message comes within 500 ms", async () => {
    const [ann, bob] = await people();
    await expect(RawSocket.open(proxy.wsUrl, { token: bob.token })).rejects.toThrow();
    expect(proxy.refused()).toBe(1);
    const [a, b] = [new Poller(ann, proxy.url, "a"), new Poller(bob, proxy.url, "b")];
    for (let i = 0; i < 5; i += 1) {
      const held = b.take(isMsg(`to bob ${i}`));
      const [ack] = await a.post([msg(bob, `to bob ${i}`, `k${i}`)]);
      const acked = performance.now();
      expect(ack).toMatchObject({ type: "ack", status: "SENT", seq: 2 * i + 1 });
      await held;
      expect(performance.now() - acked).toBeLessThan(500);
      const [back] = await b.post([msg(ann, `to ann ${i}`, `k${i}`)]);
      await a.take(isMsg(`to ann ${i}`));
      expect(back?.["seq"]).toBe(2 * i + 2);
    }
    // Whoever sent it has its ack, and does not get it again.
    await b.poll(600);
    expect(b.frames.filter((frame) => frame.type === "msg").map((frame) => frame["seq"])).toEqual([1, 3, 5, 7, 9]);
  });

  test("[I3] a poll with nothing to say is held for its wait, and its bounds are held", async () => {
    const bob = await newUser(product, "bob");
    const poller = new Poller(bob, product.url);
    const begun = performance.now();
    const { body, headers } = await poller.ask(700);
    expect(performance.now() - begun).toBeGreaterThan(650);
    expect(body).toEqual({ frames: [], user_seq: 0 });
    expect(headers.get("cache-control")).toBe("no-store");
    for (const wrong of ["wait=25001", "wait=-1", "wait=x", "user_seq=-1", "user_seq=x", "device_id=%20"]) expect(codeOf(await bob.call("GET", `/v1/poll?${wrong}`))).toBe("400 bad_request");
    expect((await bob.call("GET", "/v1/poll")).body).toEqual({ frames: [], user_seq: 0 });
    expect(codeOf(await service.call("GET", "/v1/poll"))).toBe("403 forbidden");
    expect(codeOf(await service.call("POST", "/v1/frames", []))).toBe("403 forbidden");
  });

  test("[I4] user_seq 0 is from the start: every head is named, nothing is pushed, and a number of another life begins anew", async () => {
    const [ann, bob] = await people();
    const cid = await newUser(product, "cid");
    const [first] = [await ann.send(bob, "one"), await ann.send(bob, "two"), await cid.send(bob, "three")];
    await untilSettled(service, first.conversation_id);
    for (const from of [0, 1_000_000]) {
      const poller = new Poller(bob, product.url);
      poller.user_seq = from;
      const frames = await poller.poll(0);
      expect(frames).toHaveLength(1);
      const heads = frames[0]?.["conversations"] as { conversation_id: string; head_seq: number }[];
      expect(new Set(heads.map(({ head_seq }) => head_seq))).toEqual(new Set([1, 2]));
      expect(await poller.poll(0)).toEqual([]);
    }
  });

  test("[I4] an answer that is lost costs nothing: the same user_seq asks for it again", async () => {
    const [ann, bob] = await people();
    const poller = new Poller(bob, product.url, "b");
    await poller.poll(0);
    const lost = poller.ask(5_000);
    const { conversation_id } = await ann.send(bob, "one");
    expect((await lost).body.frames.some(isMsg("one"))).toBe(true);
    const [frame] = await poller.poll(5_000);
    expect(frame).toMatchObject({ type: "sync_required", conversations: [{ conversation_id, epoch: 1, head_seq: 1 }] });
  });

  test("[I4] who was removed from a group hears so from a poll of later", async () => {
    const [ann, bob] = await people();
    const { conversation_id } = await ann.group([bob]);
    await untilSettled(service, conversation_id);
    const poller = new Poller(bob, product.url);
    await poller.poll(0);
    await ann.call("DELETE", `/v1/conversations/${conversation_id}/members/${bob.name}`);
    await untilSettled(service, conversation_id);
    expect(await new Poller(bob, product.url, "other").poll(0)).toMatchObject([{ type: "inbox", conversation: { conversation_id, left: true } }]);
  });
});

test("[I4] [A10] in a group that writes no inboxes, too, a poll names what is new, also where its answer was lost", async () => {
  const [ann, bob, ...others] = [...await people(), ...await people()] as [User, User, ...User[]];
  const thresholds = (fanout_write_max: number, fanout_write_again: number) => service.call("PATCH", "/v1/admin/settings", { fanout_write_max, fanout_write_again });
  await thresholds(2, 1);
  try {
    const { conversation_id } = await ann.group([bob, ...others]);
    await until(() => bob.call<{ conversations: { mode: string }[] }>("GET", "/v1/conversations"), ({ body }) => body.conversations[0]?.mode === "read");
    const named = (head_seq: number) => (frame: Frame) =>
      frame.type === "sync_required" && JSON.stringify(frame["conversations"]) === JSON.stringify([{ conversation_id, epoch: 1, head_seq }]);
    const poller = new Poller(bob, product.url, "b");
    await poller.take(named(1));
    await poller.poll(300);
    const lost = poller.ask(10_000);
    await ann.send(conversation_id, "one");
    expect((await lost).body.frames).toSatisfy((frames: Frame[]) => frames.some(named(2)));
    expect(await poller.poll(5_000)).toSatisfy((frames: Frame[]) => frames.some(named(2)));
    // And of a device that comes anew.
    await ann.send(conversation_id, "two");
    expect(await new Poller(bob, product.url, "other").poll(0)).toSatisfy((frames: Frame[]) => frames.some(named(3)));
    await poller.take(named(3));
  } finally {
    await thresholds(100, 80);
  }
});

describe("posted frames", () => {
  test("[I3] are answered one for one and in order, in the shape of a socket's", async () => {
    const [ann, bob] = await people();
    const poller = new Poller(ann, product.url, "a");
    const frames = await poller.post([msg(bob, "1"), { type: "nonsense" }, msg(bob, "2"), { type: "msg", client_msg_id: "x" }, msg(bob, "1")]);
    expect(frames.map(({ type, code, seq, dup }) => [type, code ?? seq, dup])).toEqual([
      ["ack", 1, undefined], ["error", "unknown_type", undefined], ["ack", 2, undefined], ["error", "bad_frame", undefined], ["ack", 1, true],
    ]);
    expect(await poller.post({ ...msg(bob, "3") })).toMatchObject([{ type: "ack", seq: 3 }]);
    for (const [body, code] of [["[]", "400 bad_frame"], ["{", "400 bad_request"], ["", "400 bad_request"], [JSON.stringify(Array.from({ length: 1_001 }, () => ({}))), "400 bad_frame"], [`["${"x".repeat(140_000)}"]`, "413 frame_too_large"]] as const) {
      expect(codeOf(await poller.raw(body))).toBe(code);
    }
  });

  test("[I3] a resume is answered with what it brings", async () => {
    const [ann, bob] = await people();
    const acks = [];
    for (const content of ["1", "2", "3"]) acks.push(await ann.send(bob, content));
    const { conversation_id } = acks[0] as { conversation_id: string };
    const frames = await new Poller(bob, product.url, "b").post([{ type: "resume", cursors: { [conversation_id]: { epoch: 1, seq: 1 } } }]);
    expect(frames.map((frame) => frame["content"])).toEqual(["2", "3"]);
  });

  test("[D4] each one counts in the user's bucket", async () => {
    const [ann, bob] = await people();
    await limit(20);
    try {
      const frames = await new Poller(ann, product.url, "a").post(Array.from({ length: 25 }, (_, i) => msg(bob, `${i}`)));
      expect(frames.filter(({ type }) => type === "ack").length).toBeGreaterThanOrEqual(20);
      const refused = frames.filter(({ code }) => code === "rate_limited");
      expect(refused.length).toBeGreaterThanOrEqual(3);
      expect(refused.every((frame) => Number(frame["retry_after_ms"]) > 0)).toBe(true);
      // Waiting for messages has its own.
      expect((await new Poller(ann, product.url, "a").ask(0)).status).toBe(200);
    } finally {
      await limit(0);
    }
  });
});

/** Applies events by seq from whatever transport it has, and pulls what it lacks. */
class SwitchingClient {
  readonly timeline: string[] = [];
  readonly #user: User;
  readonly #conversation: string;
  #cursor = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(user: User, conversation: string) {
    this.#user = user;
    this.#conversation = conversation;
  }

  get cursor(): number {
    return this.#cursor;
  }

  /** One frame after the other, whichever way they come. */
  given(frames: readonly Frame[]): Promise<void> {
    this.#work = this.#work.then(async () => {
      for (const frame of frames) await this.#one(frame);
    });
    return this.#work;
  }

  async #one(frame: Frame): Promise<void> {
    if (frame.type === "sync_required") {
      const heads = frame["conversations"] as { conversation_id: string; head_seq: number }[];
      if (heads.some(({ conversation_id, head_seq }) => conversation_id === this.#conversation && head_seq > this.#cursor)) await this.#pull();
    } else if (frame.type === "msg") {
      const seq = frame["seq"] as number;
      if (seq > this.#cursor + 1) await this.#pull();
      else if (seq === this.#cursor + 1) this.#apply(seq, frame["content"] as string);
    }
  }

  async #pull(): Promise<void> {
    const { body } = await this.#user.call<{ events: Event[] }>("GET", `/v1/history/${this.#conversation}?after=${this.#cursor}&limit=100`);
    for (const event of body.events) if (event.type === "msg") this.#apply(event.seq, event.content);
    if (body.events.length === 100) await this.#pull();
  }

  #apply(seq: number, content: string): void {
    expect(seq).toBe(this.#cursor + 1);
    this.#cursor = seq;
    this.timeline.push(content);
  }
}

test("[A17] [D8] [I4] switching between socket and poll in the middle of traffic loses and doubles nothing", async () => {
  const [ann, bob] = await people();
  const count = size("messages while switching", 150, 1_500);
  const { conversation_id } = await ann.send(bob, "0");
  const client = new SwitchingClient(bob, conversation_id);
  const poller = new Poller(bob, product.url, "phone");
  let sent = 1;
  let sending = true;
  const traffic = (async () => {
    for (; sent < count; sent += 1) await ann.send(bob, `${sent}`);
    sending = false;
  })();
  let turns = 0;
  for (; sending; turns += 1) {
    if (turns % 2 === 0) {
      const socket = await bob.socket({ device_id: "phone" });
      socket.send({ type: "resume", cursors: { [conversation_id]: { epoch: 1, seq: client.cursor } } });
      await socket.take({ type: "msg" });
      await client.given(socket.frames);
      // Half of them go without a word, and with frames under way.
      if (turns % 4 === 0) socket.cut();
      else await socket.close();
    } else {
      await client.given(await poller.poll(200));
      // An answer that never arrives.
      await poller.ask(50);
      await client.given(await poller.poll(200));
    }
  }
  await traffic;
  await untilSettled(service, conversation_id);
  await client.given(await poller.poll(0));
  expect(client.timeline).toEqual(Array.from({ length: count }, (_, i) => `${i}`));
  expect(turns).toBeGreaterThan(4);
});

test("[E9] [I4] a restart in the middle of a poll costs the answer, and the next poll goes on", async () => {
  const [ann, bob] = await people();
  const poller = new Poller(bob, product.url, "b");
  const { conversation_id } = await ann.send(bob, "before");
  await poller.poll(0);
  const held = poller.ask(20_000).catch(() => null);
  await product.restart();
  expect(await held).toBeNull();
  await limit(0);
  await ann.send(bob, "after");
  await untilSettled(service, conversation_id);
  const [frame] = await poller.poll(5_000);
  expect(frame).toMatchObject({ type: "sync_required", conversations: [{ conversation_id, head_seq: 2 }] });
});

test("[S1] an upgrade of a stranger is refused at the product itself", async () => {
  expect(await refusedUpgrade(product.wsUrl, {})).toEqual({ status: 401, code: "unauthorized" });
  expect(codeOf(await new Poller({ token: "x" } as User, product.url).ask(0))).toBe("401 unauthorized");
});
