// One dense order per conversation, and one place in it for every client_msg_id, over all entrances, devices and restarts.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AckFrame } from "../../protocol/frames/msg.ts";
import { type Product, startProduct } from "../product.ts";
import { size } from "../sizes.ts";
import { newUser, operator, until, untilSettled, type User } from "./api.ts";
import type { Frame, RawSocket } from "./raw-socket.ts";

let product: Product;
beforeAll(async () => {
  // Bursts of hundreds go to devices that may acknowledge late: order is what is tried here, and not their credit.
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_CREDIT_EVENTS: "0" } });
});
afterAll(() => product.discard());

const range = (length: number) => Array.from({ length }, (_, i) => i + 1);
const messagesOf = (socket: RawSocket) => socket.frames.filter((frame) => frame.type === "msg");
const seqsOf = (frames: readonly Frame[]) => frames.map((frame) => frame["seq"] as number);

test("[A1] two users exchange 100 messages each way on one socket each, once and in order", async () => {
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  const [a, b] = [await ann.socket(), await bob.socket()];
  for (const i of range(100)) {
    a.send({ type: "msg", to: bob.name, content: `a${i}`, client_msg_id: `a${i}` });
    b.send({ type: "msg", to: ann.name, content: `b${i}`, client_msg_id: `b${i}` });
  }
  await until(async () => [messagesOf(a).length, messagesOf(b).length], ([fromBob, fromAnn]) => fromBob === 100 && fromAnn === 100);
  expect(messagesOf(a).map((frame) => frame["content"])).toEqual(range(100).map((i) => `b${i}`));
  expect(messagesOf(b).map((frame) => frame["content"])).toEqual(range(100).map((i) => `a${i}`));
  const acks = [...a.frames, ...b.frames].filter((frame) => frame.type === "ack");
  expect(seqsOf(acks).toSorted((x, y) => x - y)).toEqual(range(200));
});

test("[B5] 20 senders on 3 devices each: every device sees one order, and each sender's own order in it", async () => {
  const count = size("[B5] messages a sender", 15, 500);
  const users = await Promise.all(range(20).map(() => newUser(product, "sender")));
  const { conversation_id } = await (users[0] as User).group(users.slice(1));
  const sockets = await Promise.all(users.flatMap((user) => range(3).map((device) => user.socket({ device_id: `device-${device}`, receipts: true }))));
  for (const i of range(count)) {
    users.forEach((user, u) => {
      const socket = sockets[u * 3 + (i % 3)] as RawSocket;
      socket.send({ type: "msg", conversation_id, content: `${i}`, client_msg_id: `${user.name}-${i}` });
    });
  }
  const total = 20 * count;
  const views = sockets.map((socket, s) => async () => {
    const own = new Map(socket.frames.filter((frame) => frame.type === "ack").map((ack) => [ack["seq"] as number, ack["client_msg_id"]]));
    for (const frame of messagesOf(socket)) own.set(frame["seq"] as number, frame["client_msg_id"]);
    return [...own].toSorted(([x], [y]) => x - y).map(([seq, key]) => `${seq}:${String(key)}`).join(s < 0 ? "" : "\n");
  });
  await until(async () => (await Promise.all(views.map((view) => view()))).map((view) => view.split("\n").length), (lengths) => lengths.every((length) => length === total));
  const [first, ...others] = await Promise.all(views.map((view) => view()));
  expect(others.every((view) => view === first)).toBe(true);
  expect(first?.split("\n").map((line) => Number(line.split(":")[0]))).toEqual(range(total).map((seq) => seq + 1));
  // What a device of a sender puts on one socket keeps its order.
  for (const user of users) {
    for (const device of [0, 1, 2]) {
      const sent = range(count).filter((i) => i % 3 === device).map((i) => `${user.name}-${i}`);
      const seen = (first as string).split("\n").map((line) => line.split(":")[1]).filter((key) => sent.includes(key as string));
      expect(seen).toEqual(sent);
    }
  }
});

test("[C1] seq is dense from 1 in each conversation, whatever happens in another", async () => {
  const [ann, bob, cat] = [await newUser(product), await newUser(product), await newUser(product)];
  const socket = await ann.socket();
  for (const i of range(40)) socket.send({ type: "msg", to: (i % 2 === 0 ? bob : cat).name, content: `${i}`, client_msg_id: `k${i}` });
  await until(async () => socket.frames.filter((frame) => frame.type === "ack"), (acks) => acks.length === 40);
  const acks = socket.frames.filter((frame) => frame.type === "ack");
  const conversations = [...new Set(acks.map((ack) => ack["conversation_id"] as string))];
  expect(conversations).toHaveLength(2);
  for (const conversation of conversations) expect(seqsOf(acks.filter((ack) => ack["conversation_id"] === conversation))).toEqual(range(20));
});

test("[D2] REST and sockets share one order and one idempotency", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const socket = await ann.socket();
  const acks: AckFrame[] = [];
  for (const i of range(30)) {
    if (i % 2 === 0) acks.push(await ann.send(bob, `${i}`, { client_msg_id: `k${i}` }));
    else acks.push(await socket.ask({ type: "msg", to: bob.name, content: `${i}`, client_msg_id: `k${i}` }) as unknown as AckFrame);
  }
  expect(acks.map((ack) => ack.seq)).toEqual(range(30));
  const again = await ann.call<AckFrame>("POST", "/v1/messages", { to: bob.name, content: "other", client_msg_id: "k1" });
  expect([again.status, again.body.msg_id, again.body.dup]).toEqual([200, acks[0]?.msg_id, true]);
  const overSocket = await socket.ask({ type: "msg", to: bob.name, content: "other", client_msg_id: "k2" });
  expect([overSocket["msg_id"], overSocket["dup"]]).toEqual([acks[1]?.msg_id, true]);
  const events = await bob.history(acks[0]?.conversation_id as string);
  expect(events.map((event) => ("content" in event ? event.content : ""))).toEqual(range(30).map(String));
});

test("[D2] 1,000 messages within few milliseconds page without overlap by an opaque cursor", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const socket = await ann.socket();
  for (const part of range(4)) socket.send(range(250).map((i) => ({ type: "msg", to: bob.name, content: `${(part - 1) * 250 + i}`, client_msg_id: `k${part}-${i}` })));
  await until(async () => socket.frames.filter((frame) => frame.type === "ack").length, (acks) => acks === 1_000);
  const id = socket.frames.find((frame) => frame.type === "ack")?.["conversation_id"] as string;
  const events = await bob.history(id);
  expect(events.map((event) => event.seq)).toEqual(range(1_000));
  expect(new Set(events.map((event) => event.sent_at)).size).toBeLessThan(900);
  const ids = events.map((event) => event.msg_id);
  expect(ids).toEqual(ids.toSorted());
});

test("[A5] the same client_msg_id at once, ten times concurrently, and after a reconnect is stored once", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const listening = await bob.socket();
  const frame = { type: "msg", to: bob.name, content: "once", client_msg_id: randomUUID() };
  const socket = await ann.socket({ device_id: "phone" });
  socket.send(frame);
  socket.send([frame, frame]);
  const concurrent = await Promise.all(range(10).map(() => ann.call<AckFrame>("POST", "/v1/messages", { to: bob.name, content: "once", client_msg_id: frame.client_msg_id })));
  await until(async () => socket.frames.filter((given) => given.type === "ack").length, (acks) => acks === 3);
  socket.cut();
  const back = await ann.socket({ device_id: "phone" });
  const late = await back.ask(frame);
  const ids = new Set([...socket.frames.filter((given) => given.type === "ack").map((ack) => ack["msg_id"]), ...concurrent.map((answer) => answer.body.msg_id), late["msg_id"]]);
  expect(ids.size).toBe(1);
  expect(concurrent.filter((answer) => answer.status === 201).length + socket.frames.filter((given) => given.type === "ack" && given["dup"] === undefined).length).toBe(1);
  expect(await bob.history(late["conversation_id"] as string)).toHaveLength(1);
  await untilSettled(await operator(product), late["conversation_id"] as string);
  expect(messagesOf(listening)).toHaveLength(1);
});

test("[A5] [C2] a resend after the runtime died is stored once, and keeps its place", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const frame = { to: bob.name, content: "before", client_msg_id: randomUUID() };
  const first = await ann.call<AckFrame>("POST", "/v1/messages", frame);
  await ann.send(bob, "behind");
  await product.killTree();
  await product.restart();
  const again = await ann.call<AckFrame>("POST", "/v1/messages", frame);
  expect([again.status, again.body.msg_id, again.body.seq, again.body.dup]).toEqual([200, first.body.msg_id, 1, true]);
  expect((await bob.history(first.body.conversation_id)).map((event) => event.seq)).toEqual([1, 2]);
});

test("[E8] a base64 blob and a message of every content type come back byte for byte", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const sent: [string, string][] = [
    ["text", "aGVsbG8gd29ybGQ="], ["image", "/+8="], ["video", "AAAA"], ["audio", "Zm9v\nYmFy"], ["document", '{"not":"parsed"}'],
  ];
  for (const [content_type, content] of sent) await ann.send(bob, content, { content_type });
  const { conversation_id } = await ann.send(bob, "end");
  const events = await bob.history(conversation_id);
  expect(events.slice(0, -1).map((event) => (event.type === "msg" ? [event.content_type, event.content] : []))).toEqual(sent);
});

test("[A26] a session resumes on the other front door of the same store", async () => {
  const two = await startProduct({ doors: 2, env: { CONFAB_RATE_LIMIT: "0" } });
  try {
    const [ann, bob] = [await newUser(two), await newUser(two)];
    const left = await bob.socket({ device_id: "phone" });
    await ann.send(bob, "one");
    const { conversation_id } = await left.take({ type: "msg" });
    left.cut();
    await ann.send(bob, "two");
    const { RawSocket: Socket } = await import("./raw-socket.ts");
    const right = await Socket.open(`ws://127.0.0.1:${two.ports[1]}`, { token: bob.token, device_id: "phone" });
    right.send({ type: "resume", cursors: { [conversation_id as string]: { epoch: 1, seq: 1 } } });
    expect((await right.take({ type: "msg" }))["content"]).toBe("two");
    const ack = await right.ask({ type: "msg", to: ann.name, content: "three", client_msg_id: "k3" });
    expect(ack["seq"]).toBe(3);
  } finally {
    await two.discard();
  }
});
