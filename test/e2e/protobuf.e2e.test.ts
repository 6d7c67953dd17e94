// `chat.v1.pb` over real sockets, beside `chat.v1.json` in the same conversations.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { canonicalJson } from "../../protocol/canonical.ts";
import { encodeBinaryUp } from "../../protocol/codec-protobuf.ts";
import { type Product, startProduct } from "../product.ts";
import { newUser, type User } from "./api.ts";
import { type Frame, type RawSocket, refusedUpgrade } from "./raw-socket.ts";

let product: Product;
beforeAll(async () => {
  product = await startProduct();
});
afterAll(() => product.discard());

const CONTENTS = ["Hi!", "\u0000\u0001\u2028\uFFFD\uFEFF", "ünï-ç∂é 👩‍👩‍👧", "\"\\/", "x".repeat(65_536), "𝕏".repeat(4_000), "aGVsbG8gd29ybGQ="];
const isEvent = (frame: Frame): boolean => typeof frame["sender_id"] === "string" || frame.type === "skip";
const eventsOf = (socket: RawSocket): Frame[] => socket.frames.filter(isEvent);

async function both(user: User): Promise<[RawSocket, RawSocket]> {
  return [await user.socket({ encoding: "json", device_id: "text" }), await user.socket({ encoding: "pb", device_id: "binary" })];
}

test("[D5] in a mixed group every device sees equal events, live and when it comes back [W6]", async () => {
  const [ann, bob, cat, dan] = [await newUser(product), await newUser(product), await newUser(product), await newUser(product)];
  const [annText, annBinary] = await both(ann);
  const [bobText, bobBinary] = await both(bob);
  const { conversation_id } = await ann.group([bob, cat]);
  for (const [i, content] of CONTENTS.entries()) {
    const sender = [annText, bobBinary][i % 2] as RawSocket;
    expect((await sender.ask({ type: "msg", conversation_id, content, client_msg_id: `k${i}` })).type).toBe("ack");
  }
  await ann.call("PATCH", `/v1/conversations/${conversation_id}`, { title: "Ünï" });
  await ann.call("PUT", `/v1/conversations/${conversation_id}/members/${dan.name}`, {});
  await ann.call("PUT", `/v1/conversations/${conversation_id}/members/${dan.name}`, { role: "admin" });
  await ann.call("DELETE", `/v1/conversations/${conversation_id}/members/${dan.name}`);
  const last = await ann.send(conversation_id, "the last");
  await Promise.all([annText, annBinary, bobText, bobBinary].map((socket) => socket.take({ type: "msg", seq: last.seq })));
  const bySeq = (socket: RawSocket) => new Map(eventsOf(socket).map((frame) => [frame["seq"], frame]));
  const [text, binary] = [bySeq(bobText), bySeq(annBinary)];
  // The sending device has its ack in place of the event; every other one has all of them, and all are equal.
  expect(new Set([...text.keys(), ...binary.keys()]).size).toBe(last.seq);
  for (const [seq, frame] of binary) expect(text.get(seq) ?? frame).toEqual(frame);
  for (const [seq, frame] of bySeq(bobBinary)) expect(text.get(seq)).toEqual(frame);
  expect(await ann.history(conversation_id)).toEqual(expect.arrayContaining([...binary.values()]));
  expect(annBinary.texts).toEqual([]);

  const catBack = await Promise.all((["json", "pb"] as const).map(async (encoding) => {
    const socket = await cat.socket({ encoding, device_id: encoding });
    socket.send({ type: "resume", cursors: { [conversation_id]: { epoch: 1, seq: 0 } }, user_seq: 0 });
    await socket.take({ type: "msg", seq: last.seq });
    return eventsOf(socket);
  }));
  expect(catBack[1]).toEqual(catBack[0]);
  expect(catBack[1]).toHaveLength(last.seq);
});

test("[D5] changes, receipts, typing, presence and the list come alike to a user's two devices [W6]", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const [text, binary] = await both(ann);
  const bobs = await bob.socket({ encoding: "pb" });
  const { conversation_id } = await ann.group([bob]);
  const own = await ann.send(conversation_id, "a question");
  const said = await bob.send(conversation_id, "an answer", { reply_to: own.msg_id, mentions: [ann.name] });
  const devices = [text, binary];
  const everywhere = (match: Readonly<Record<string, unknown>>) => Promise.all(devices.map((socket) => socket.take(match)));
  await everywhere({ type: "msg", seq: said.seq });
  for (const socket of devices) socket.send([{ type: "open", conversation_id }, { type: "presence_sub", users: [bob.name] }]);
  await everywhere({ type: "presence", user_id: bob.name });
  const change = (type: string, more: object) => bobs.ask({ type, conversation_id, target_msg_id: said.msg_id, client_msg_id: randomUUID(), ...more });
  await change("edit", { content: "a better one", mentions: [] });
  await change("react", { emoji: "👍", on: true });
  await change("delete", {});
  await everywhere({ type: "delete" });
  bobs.send({ type: "typing", conversation_id, on: true });
  await everywhere({ type: "typing", on: true });
  bobs.send({ type: "receipt", conversation_id, up_to_seq: own.seq, status: "READ" });
  await everywhere({ type: "status", status: "READ" });
  await ann.call("PATCH", `/v1/inbox/${conversation_id}`, { muted: true });
  await everywhere({ type: "inbox" });
  // Each device asks for presence by itself, a moment apart.
  const seen = (socket: RawSocket) => socket.frames.filter(({ type }) => !["hello", "presence"].includes(type)).map((frame) => canonicalJson(frame)).toSorted();
  expect(seen(binary)).toEqual(seen(text));
  expect(new Set(binary.frames.map(({ type }) => type))).toEqual(new Set(["hello", "created", "msg", "presence", "edit", "react", "delete", "typing", "status", "inbox"]));
  expect(binary.texts).toEqual([]);
});

test("[D5] a client's first known subprotocol is spoken; one that offers none gets text [W6]", async () => {
  const ann = await newUser(product);
  const spoken = async (protocols: string[]) => {
    const socket = await ann.socket({ protocols });
    await socket.close();
    return [socket.subprotocol, socket.texts.length > 0 ? "text" : "binary"];
  };
  expect(await spoken(["chat.v1.pb", "chat.v1.json"])).toEqual(["chat.v1.pb", "binary"]);
  expect(await spoken(["chat.v9.cbor", "chat.v1.json", "chat.v1.pb"])).toEqual(["chat.v1.json", "text"]);
  expect(await spoken([])).toEqual(["", "text"]);
  expect(await refusedUpgrade(product.wsUrl, { token: ann.token, protocols: ["chat.v2.pb"] })).toEqual({ status: 400, code: "bad_request" });
});

test("[bad input] what is wrong on a protobuf socket gets its error, and the socket stays open [W7]", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const socket = await ann.socket({ encoding: "pb" });
  const refused = async (send: () => void): Promise<unknown> => {
    const answer = socket.take({ type: "error" });
    send();
    return (await answer)["code"];
  };
  const good = encodeBinaryUp([{ type: "msg", to: bob.name, content: "x", client_msg_id: "k" }]);
  expect(await refused(() => socket.sendText('{"type":"msg"}'))).toBe("bad_frame");
  expect(await refused(() => socket.sendBytes(new Uint8Array([0xff, 0xff]), { binary: true }))).toBe("bad_frame");
  expect(await refused(() => socket.sendBytes(new Uint8Array(), { binary: true }))).toBe("bad_frame");
  expect(await refused(() => socket.sendBytes(good.slice(0, -1), { binary: true }))).toBe("bad_frame");
  expect(await refused(() => socket.sendBytes(new Uint8Array([10, 3, 0xfa, 0x3e, 0]), { binary: true }))).toBe("unknown_type");
  expect(await refused(() => socket.sendBytes(new Uint8Array(131_073), { binary: true }))).toBe("frame_too_large");
  expect(await socket.ask({ type: "msg", to: bob.name, content: "x", client_msg_id: randomUUID() })).toMatchObject({ type: "ack", seq: 1 });
  socket.sendText("ping");
  await socket.take({ type: "pong" });
  const text = await ann.socket({ encoding: "json" });
  const answer = text.take({ type: "error" });
  text.sendBytes(good, { binary: true });
  expect((await answer)["code"]).toBe("bad_frame");
});

test("[D4] each frame of a binary message counts, and is answered for itself, in order [W5]", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const socket = await ann.socket({ encoding: "pb" });
  socket.send(Array.from({ length: 25 }, (_, i) => ({ type: "msg", to: bob.name, content: i === 3 ? "" : `c${i}`, client_msg_id: `k${i}` })));
  await socket.take({ client_msg_id: "k24" });
  const answers = socket.frames.filter((frame) => frame.type === "ack" || frame.type === "error");
  expect(answers.map((frame) => frame["client_msg_id"])).toEqual(Array.from({ length: 25 }, (_, i) => `k${i}`));
  expect(answers.map((frame) => frame["code"] ?? "SENT")).toEqual(answers.map((_, i) => (i === 3 ? "bad_frame" : i < 20 ? "SENT" : "rate_limited")));
});

test("[D5] the same traffic is smaller in protobuf [W3]", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const [text, binary] = await both(bob);
  for (let i = 0; i < 10; i += 1) await ann.send(bob, `A message of the length that people write, number ${i}.`);
  await Promise.all([text, binary].map((socket) => socket.take({ type: "msg", seq: 10 })));
  const [textBytes, binaryBytes] = [text.texts.reduce((sum, one) => sum + Buffer.byteLength(one), 0), binary.messages.reduce((sum, one) => sum + one.byteLength, 0)];
  expect(binaryBytes).toBeLessThan(textBytes * 0.7);
});
