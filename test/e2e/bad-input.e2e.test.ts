// What no good client sends: each gets its typed error, the socket stays open and usable, and nothing is stored.
import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startProduct, type Product } from "../product.ts";
import { newUser, operator, statsOf, type User } from "./api.ts";
import { BAD_FRAMES, msg, type Place } from "./bad-frames.ts";
import type { Frame, RawSocket } from "./raw-socket.ts";

let product: Product;
let ann: User;
let bob: User;
let service: User;
let socket: RawSocket;
let bobs: RawSocket;
/** Of ann and bob, with one message more for each one that a test means to store. */
let conversation: string;
let stored = 1;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  [ann, bob, service] = await Promise.all([newUser(product, "ann"), newUser(product, "bob"), operator(product)]);
  conversation = (await ann.send(bob, "the first")).conversation_id;
  [socket, bobs] = await Promise.all([ann.socket(), bob.socket()]);
});

afterAll(() => product.discard());

afterEach(async () => {
  expect(socket.open).toBe(true);
  const key = randomUUID();
  const ack = await socket.ask({ type: "msg", to: bob.name, content: "still usable", client_msg_id: key });
  await bobs.take({ type: "msg", client_msg_id: key });
  const expected = stored + 1;
  stored = Number(ack["seq"]);
  expect(stored).toBe(expected);
  expect((await statsOf(service, conversation)).head_seq).toBe(stored);
  expect((await ann.call<{ conversations: object[] }>("GET", "/v1/conversations")).body.conversations).toHaveLength(1);
});

const place = (): Place => ({ to: bob.name, conversation_id: conversation });

describe("a bad frame", () => {
  test.each(BAD_FRAMES)("%s", async (_name, text, code) => {
    const error = await socket.refused(text(place()));
    expect(error).toMatchObject({ type: "error", code, retryable: code === "epoch_changed", message: expect.any(String) as unknown });
    expect(JSON.stringify(error)).not.toMatch(/valibot|stack|\bat \w+ \(|undefined/);
  });

  test("an error names the frame that it means", async () => {
    expect(await socket.ask({ type: "msg", client_msg_id: "named", conversation_id: conversation, to: bob.name, content: "x" }))
      .toMatchObject({ code: "bad_frame", client_msg_id: "named", conversation_id: conversation });
    expect(await socket.ask({ type: "shout", client_msg_id: "shouted" })).toMatchObject({ code: "unknown_type", client_msg_id: "shouted" });
  });

  test("an array's items are answered separately and in order", async () => {
    const keys = [randomUUID(), randomUUID()];
    const from = socket.frames.length;
    socket.sendText(`[${msg(place(), { client_msg_id: keys[0] })},1,${msg(place(), { content: "", client_msg_id: "empty" })},${msg(place(), { type: "shout" })},[],${msg(place(), { client_msg_id: keys[1] })}]`);
    stored += 2;
    for (const type of ["ack", "error", "error", "error", "error", "ack"]) await socket.take({ type });
    const answers = socket.frames.slice(from).map((frame: Frame) => [frame.type, frame["code"] ?? frame["client_msg_id"]]);
    expect(answers).toEqual([["ack", keys[0]], ["error", "bad_frame"], ["error", "bad_frame"], ["error", "unknown_type"], ["error", "bad_frame"], ["ack", keys[1]]]);
    await bobs.take({ client_msg_id: keys[1] });
  });

  test("unknown fields are ignored", async () => {
    const key = randomUUID();
    const text = msg(place(), { client_msg_id: key, seq: 99, msg_id: "x", sender_id: "eve", sent_at: 1, epoch: 7, status: "READ", unknown: { deep: [1] } });
    socket.sendText(text.replace(/\}$/, ',"__proto__":{"sender_id":"eve"},"constructor":1}'));
    stored += 1;
    const ack = await socket.take({ type: "ack", client_msg_id: key });
    expect(ack).toMatchObject({ epoch: 1, seq: stored, status: "SENT" });
    expect(await bobs.take({ client_msg_id: key })).toMatchObject({ sender_id: ann.name, seq: stored, epoch: 1, msg_id: ack["msg_id"], sent_at: ack["sent_at"] });
  });
});

describe("bytes that are no text", () => {
  test("binary on a JSON socket", async () => {
    for (const bytes of [Buffer.from(msg(place(), {})), Buffer.alloc(0), Buffer.from([0, 1, 2, 0xff]), Buffer.alloc(200_000)]) {
      const error = socket.take({ type: "error" });
      socket.sendBytes(bytes, { binary: true });
      expect(await error).toMatchObject({ code: "bad_frame" });
    }
  });

  test.each([
    ["a lone byte", [0xff]], ["a cut sequence", [0xe2, 0x82]], ["an overlong slash", [0xc0, 0xaf]], ["an encoded surrogate", [0xed, 0xa0, 0x80]],
    ["beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80]], ["a lone continuation", [0x80]],
  ])("invalid UTF-8 in a text message: %s", async (_name, bytes) => {
    const [before, behind] = msg(place(), { content: "#" }).split("#") as [string, string];
    const error = socket.take({ type: "error" });
    socket.sendBytes(Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(behind)]));
    expect(await error).toMatchObject({ code: "bad_frame" });
  });

  test("a text message in three parts, cut within a character, is one frame", async () => {
    const key = randomUUID();
    const bytes = Buffer.from(msg(place(), { content: "5 €", client_msg_id: key }));
    const cut = bytes.indexOf(0x82);
    socket.sendBytes(bytes.subarray(0, 3), { fin: false });
    socket.sendBytes(bytes.subarray(3, cut), { fin: false });
    socket.sendBytes(bytes.subarray(cut));
    stored += 1;
    await socket.take({ type: "ack", client_msg_id: key });
    expect(await bobs.take({ client_msg_id: key })).toMatchObject({ content: "5 €" });
  });
});

test("ping is answered with pong, and no other spelling is", async () => {
  socket.sendText("ping");
  await socket.take({ type: "pong" });
  for (const text of ["ping ", "Ping", '"ping"']) expect(await socket.refused(text)).toMatchObject({ code: "bad_frame" });
});
