// The rate limit as it is by default: 20 requests at once, then 20 a second, for one user over everything they have.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startProduct, type Product } from "../product.ts";
import { codeOf, errorOf, newUser, operator, statsOf, until, User } from "./api.ts";
import type { Frame, RawSocket } from "./raw-socket.ts";

const BURST = 20;
const RATE = 20;
let product: Product;
let bob: User;

beforeAll(async () => {
  product = await startProduct();
  bob = await newUser(product, "bob");
});

afterAll(() => product.discard());

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

function frames(count: number): { type: string; to: string; content: string; client_msg_id: string }[] {
  return range(count).map((i) => ({ type: "msg", to: bob.name, content: `${i}`, client_msg_id: randomUUID() }));
}

function answersTo(socket: RawSocket, sent: readonly { client_msg_id: string }[]): Promise<Frame[]> {
  return Promise.all(sent.map(({ client_msg_id }) => socket.take({ client_msg_id })));
}

/** All frames in one text: one moment of the server's clock. */
async function burst(socket: RawSocket, count: number): Promise<Frame[]> {
  const sent = frames(count);
  const answers = answersTo(socket, sent);
  socket.send(sent);
  return answers;
}

const codes = (answers: readonly Frame[]): string[] => answers.map((frame) => (typeof frame["code"] === "string" ? frame["code"] : frame.type));
const of = (count: number, code: string): string[] => range(count).map(() => code);

/** Requests that the bucket may have let through in a time that began with it full. */
function most(startedAt: number): number {
  return BURST + Math.floor(((performance.now() - startedAt) * RATE) / 1_000) + 1;
}

describe("[R16] [D4] receipts have a bucket of their own", () => {
  test("a hundred at once leave all twenty requests, and a flood of them is refused", async () => {
    const ann = await newUser(product, "ann");
    const socket = await ann.socket();
    const first = await ann.send(bob, "hi");
    await socket.take({ type: "msg" });
    const receipts = (count: number) => range(count).map(() => ({ type: "receipt", conversation_id: first.conversation_id, up_to_seq: 1, status: "READ" }));
    socket.send(receipts(90));
    expect(codes(await burst(socket, BURST - 2))).toEqual(of(BURST - 2, "ack"));
    socket.send(receipts(150));
    expect(await socket.take({ type: "error" })).toMatchObject({ code: "rate_limited", conversation_id: first.conversation_id, retry_after_ms: expect.any(Number) as unknown });
  });
});

describe("[D4] one bucket per user", () => {
  test("25 frames in one array: 20 acks in order, then 5 rate_limited with retry_after_ms", async () => {
    const socket = await (await newUser(product, "ann")).socket();
    const answers = await burst(socket, 25);
    expect(codes(answers)).toEqual([...of(20, "ack"), ...of(5, "rate_limited")]);
    expect(answers.slice(0, 20).map((frame) => frame["seq"])).toEqual(range(20).map((i) => i + 1));
    for (const error of answers.slice(20)) {
      expect(error).toMatchObject({ retryable: true, message: expect.any(String) as unknown });
      expect(error["retry_after_ms"]).toBeGreaterThan(0);
      expect(error["retry_after_ms"]).toBeLessThanOrEqual(1_000 / RATE);
    }
  });

  test("25 frames one by one", async () => {
    const socket = await (await newUser(product, "ann")).socket();
    const sent = frames(25);
    const startedAt = performance.now();
    const pending = answersTo(socket, sent);
    for (const frame of sent) socket.send(frame);
    const answers = codes(await pending);
    const accepted = answers.filter((code) => code === "ack").length;
    expect(accepted).toBeGreaterThanOrEqual(BURST);
    expect(accepted).toBeLessThanOrEqual(most(startedAt));
    expect(answers.filter((code) => code === "rate_limited")).toHaveLength(25 - accepted);
  });

  test("over REST: 429 with error.retry_after_ms and Retry-After", async () => {
    const ann = await newUser(product, "ann");
    const startedAt = performance.now();
    const answers = await Promise.all(frames(60).map((frame) => ann.call("POST", "/v1/messages", frame)));
    const limit = most(startedAt);
    const accepted = answers.filter(({ status }) => status === 201).length;
    expect(accepted).toBeGreaterThanOrEqual(BURST);
    expect(accepted).toBeLessThanOrEqual(limit);
    const refused = answers.filter(({ status }) => status !== 201);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expect(codeOf(answer)).toBe("429 rate_limited");
      const { retry_after_ms, retryable } = errorOf(answer);
      expect([retryable, typeof retry_after_ms]).toEqual([true, "number"]);
      expect(answer.headers.get("retry-after")).toBe(String(Math.ceil((retry_after_ms ?? 0) / 1_000)));
    }
  });

  test("devices and REST share it", async () => {
    const ann = await newUser(product, "ann");
    const [first, second] = await Promise.all([ann.socket(), ann.socket()]);
    const startedAt = performance.now();
    const rest = range(3).map(() => ann.call("GET", "/v1/conversations"));
    const devices = await Promise.all([burst(first, 15), burst(second, 15)]);
    const read = await Promise.all(rest);
    const accepted = [...devices.flatMap(codes), ...read.map((answer) => (answer.status === 200 ? "ack" : errorOf(answer).code))];
    const count = accepted.filter((code) => code === "ack").length;
    expect(count).toBeGreaterThanOrEqual(BURST);
    expect(count).toBeLessThanOrEqual(most(startedAt));
    expect(new Set(accepted)).toEqual(new Set(["ack", "rate_limited"]));
  });

  test("it is each user's own: nobody else is slowed, and nobody can spend another's", async () => {
    const user = await newUser(product, "user");
    await burst(await user.socket(), 40);
    const other = await newUser(product, "other");
    const forged = new User(product, other.name, `${other.token.slice(0, -4)}AAAA`);
    for (const answer of await Promise.all(range(25).map(() => forged.call("GET", "/v1/conversations")))) expect(codeOf(answer)).toBe("401 unauthorized");
    await Promise.all(range(5).map(() => user.call("GET", "/v1/conversations")));
    expect(codes(await burst(await other.socket(), BURST))).toEqual(of(BURST, "ack"));
  });

  test("services have none", async () => {
    const service = await operator(product);
    for (const answer of await Promise.all(range(40).map(() => service.call("GET", "/v1/admin/metrics")))) expect(answer.status).toBe(200);
  });
});

describe("[D4] what is wrong counts too", () => {
  const texts = ["{", "null", '{"type":"shout"}', "[]", '{"type":"msg"}', "\uFFFD", "x".repeat(131_073)];
  const tries = 60;

  /** `codes` of the answers to `tries` things sent at once by somebody new. */
  async function atOnce(send: (socket: RawSocket) => void): Promise<string[]> {
    const socket = await (await newUser(product, "user")).socket();
    const startedAt = performance.now();
    const answers = Promise.all(range(tries).map(() => socket.take({ type: "error" })));
    for (const _try of range(tries)) send(socket);
    const given = codes(await answers);
    const letThrough = given.filter((code) => code !== "rate_limited").length;
    expect(letThrough).toBeGreaterThanOrEqual(BURST);
    expect(letThrough).toBeLessThanOrEqual(most(startedAt));
    return given;
  }

  test.each(texts.map((text) => [text.slice(0, 20), text]))("a text %s", async (_name, text) => {
    expect(new Set(await atOnce((socket) => socket.sendText(text)))).toContain("rate_limited");
  });

  test("binary", async () => {
    expect(new Set(await atOnce((socket) => socket.sendBytes(Buffer.from("x"), { binary: true })))).toEqual(new Set(["bad_frame", "rate_limited"]));
  });

  test("bodies that are none", async () => {
    const user = await newUser(product, "user");
    const answers = await Promise.all(range(60).map((i) => user.raw("POST", "/v1/messages", { body: ["{", "{}", "null", '{"type":"resume","cursors":{}}'][i % 4] as string })));
    expect(answers.map(({ status }) => status)).toContain(429);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400, 429]));
  });
});

describe("[D4] resume", () => {
  const resume = (ids: readonly string[]): object => ({ type: "resume", cursors: Object.fromEntries(ids.map((id) => [id, { epoch: 1, seq: 0 }])) });

  test("asking for conversations that one has nothing to do with counts for each, so that nobody wakes a thousand objects", async () => {
    const socket = await (await newUser(product, "user")).socket();
    const startedAt = performance.now();
    const ids = range(1_000).map(() => `g.${randomUUID().replaceAll("-", "")}`);
    const answers = Promise.all(ids.map((conversation_id) => socket.take({ type: "error", conversation_id })));
    socket.send(resume(ids));
    const given = codes(await answers);
    const asked = given.filter((code) => code === "not_found").length;
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThanOrEqual(most(startedAt));
    expect(given.filter((code) => code === "rate_limited")).toHaveLength(ids.length - asked);
  });

  test("one's own conversations are asked for free, however many", async () => {
    const service = await operator(product);
    await service.call("PATCH", "/v1/admin/settings", { rate_limit: 0 });
    const ann = await newUser(product, "ann");
    const groups = await Promise.all(range(60).map(() => ann.group([])));
    await service.call("PATCH", "/v1/admin/settings", { rate_limit: RATE });
    const socket = await ann.socket();
    const ids = groups.map(({ conversation_id }) => conversation_id);
    const behind = socket.take({ type: "sync_required" });
    socket.send(resume(ids));
    const heads = (await behind)["conversations"] as { conversation_id: string }[];
    const pushed = socket.frames.filter((frame) => frame.type === "created").map((frame) => String(frame["conversation_id"]));
    expect(pushed).toHaveLength(50);
    expect([...pushed, ...heads.map(({ conversation_id }) => conversation_id)].toSorted()).toEqual(ids.toSorted());
    expect(socket.frames.filter((frame) => frame.type === "error")).toEqual([]);
  });
});

test("[D4] it refills at 20 a second, and nothing is lost by trying again", async () => {
  const ann = await newUser(product, "ann");
  const socket = await ann.socket();
  const sent = frames(60);
  const startedAt = performance.now();
  const insist = async (frame: (typeof sent)[number]): Promise<Frame> => {
    for (;;) {
      const answer = await socket.ask(frame);
      if (answer.type === "ack") return answer;
      expect(answer["code"]).toBe("rate_limited");
      await new Promise((resolve) => {
        setTimeout(resolve, Number(answer["retry_after_ms"]));
      });
    }
  };
  const acks = await Promise.all(sent.map(insist));
  const seconds = (performance.now() - startedAt) / 1_000;
  // Each try of one that is refused costs nothing.
  expect(seconds).toBeGreaterThanOrEqual((60 - BURST - 1) / RATE);
  expect(seconds).toBeLessThan(3 * (60 / RATE));
  expect(acks.map((ack) => Number(ack["seq"])).toSorted((a, b) => a - b)).toEqual(range(60).map((i) => i + 1));
  expect(acks.filter((ack) => ack["dup"] === true)).toEqual([]);
  expect((await statsOf(await operator(product), String(acks[0]?.["conversation_id"]))).head_seq).toBe(60);
  const contents = (await bob.history(String(acks[0]?.["conversation_id"]))).map((event) => (event.type === "msg" ? event.client_msg_id : event.type));
  expect(new Set(contents)).toEqual(new Set(sent.map(({ client_msg_id }) => client_msg_id)));
});

test("[D4] upgrades have a bucket of their own: connecting costs no message, and a flood of connections is refused", async () => {
  const ann = await newUser(product, "ann");
  const tried = await Promise.allSettled(range(40).map(() => ann.socket()));
  const opened = tried.filter((one) => one.status === "fulfilled").map(({ value }) => value);
  const refused = tried.filter((one) => one.status === "rejected").map(({ reason }) => String(reason));
  expect(opened.length).toBeGreaterThanOrEqual(BURST);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.every((reason) => reason.includes("429"))).toBe(true);
  // A user has ten devices: the first ones have made room.
  const [socket] = await until(async () => opened.filter((one) => one.open), (there) => there.length === 10) as [RawSocket, ...RawSocket[]];
  const acks = await Promise.all(frames(BURST).map((frame) => socket.ask(frame)));
  expect(acks.map((ack) => ack.type)).toEqual(range(BURST).map(() => "ack"));
});
