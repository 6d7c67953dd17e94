// States and receipts over real sockets: SENT, DELIVERED and READ, who is told, and what the receipts endpoint says.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MessageReceipt } from "../../protocol/rpc.ts";
import { startProduct, type Product } from "../product.ts";
import { codeOf, newUser, operator, until, untilSettled, type User } from "./api.ts";
import type { Frame, RawSocket } from "./raw-socket.ts";

let product: Product;
let service: User;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  service = await operator(product);
});

afterAll(() => product.discard());

const receipt = (conversation_id: string, up_to_seq: number, status: "DELIVERED" | "READ") => ({ type: "receipt", conversation_id, up_to_seq, status });

async function pair(): Promise<{ ann: User; bob: User; phone: RawSocket; bobs: RawSocket }> {
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  return { ann, bob, phone: await ann.socket({ device_id: "phone" }), bobs: await bob.socket({ device_id: "b" }) };
}

async function receiptsOf(user: User, conversationId: string, msgId: string): Promise<MessageReceipt[]> {
  const answer = await user.call<{ receipts: MessageReceipt[] }>("GET", `/v1/conversations/${conversationId}/receipts?msg_id=${msgId}`);
  expect(answer.status).toBe(200);
  return answer.body.receipts;
}

const memberStatuses = (socket: RawSocket): string[] =>
  socket.frames.filter((frame) => frame.type === "status" && "user_id" in frame).map((frame) => `${String(frame["user_id"])} ${String(frame["status"])} ${String(frame["up_to_seq"])}`);

describe("[A6] [E1] the states of a message", () => {
  test("[R1] SENT with the ack, DELIVERED with the device's receipt, READ with the next: each is pushed to the sender", async () => {
    const { ann, bob, phone, bobs } = await pair();
    const ack = await phone.ask({ type: "msg", to: bob.name, content: "hi", client_msg_id: "1" });
    expect(ack["status"]).toBe("SENT");
    const conversationId = ack["conversation_id"] as string;
    await bobs.take({ type: "msg", seq: 1 });
    await untilSettled(service, conversationId);
    // A push is no receipt.
    expect(await receiptsOf(ann, conversationId, ack["msg_id"] as string)).toEqual([
      { message_id: ack["msg_id"], user_id: bob.name, status: "SENT", updated_at: ack["sent_at"] },
    ]);
    expect(memberStatuses(phone)).toEqual([]);
    bobs.send(receipt(conversationId, 1, "DELIVERED"));
    const delivered = await phone.take({ type: "status", user_id: bob.name });
    expect(delivered).toMatchObject({ conversation_id: conversationId, status: "DELIVERED", up_to_seq: 1, at: expect.any(Number) as unknown });
    expect(await phone.take({ type: "status", msg_id: ack["msg_id"] })).toMatchObject({ seq: 1, delivered: 1, read: 0, total: 1 });
    expect(await receiptsOf(ann, conversationId, ack["msg_id"] as string)).toMatchObject([{ user_id: bob.name, status: "DELIVERED", updated_at: delivered["at"] }]);
    bobs.send(receipt(conversationId, 1, "READ"));
    await phone.take({ type: "status", user_id: bob.name, status: "READ", up_to_seq: 1 });
    expect(await phone.take({ type: "status", msg_id: ack["msg_id"], read: 1 })).toMatchObject({ delivered: 1, total: 1 });
  });

  test("[R2] READ alone is DELIVERED too, and is told as both, in that order", async () => {
    const { bob, phone, bobs } = await pair();
    const ack = await phone.ask({ type: "msg", to: bob.name, content: "hi", client_msg_id: "1" });
    await bobs.take({ type: "msg" });
    bobs.send(receipt(ack["conversation_id"] as string, 1, "READ"));
    await phone.take({ type: "status", status: "READ" });
    expect(memberStatuses(phone)).toEqual([`${bob.name} DELIVERED 1`, `${bob.name} READ 1`]);
  });
});

test("[R3] the receipts of a message that is absent, foreign or no message are the same not_found", async () => {
  const { ann, bob, phone } = await pair();
  const stranger = await newUser(product, "eve");
  const ack = await phone.ask({ type: "msg", to: bob.name, content: "hi", client_msg_id: "1" });
  const id = ack["conversation_id"] as string;
  const absent = (ack["msg_id"] as string).replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
  const answers = await Promise.all([
    ann.call("GET", `/v1/conversations/${id}/receipts?msg_id=${absent}`),
    stranger.call("GET", `/v1/conversations/${id}/receipts?msg_id=${ack["msg_id"] as string}`),
    stranger.call("GET", `/v1/conversations/d.${"0".repeat(64)}/receipts?msg_id=${absent}`),
  ]);
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect(answers.map(codeOf)).toEqual(["404 not_found", "404 not_found", "404 not_found"]);
  expect(codeOf(await ann.call("GET", `/v1/conversations/${id}/receipts`))).toBe("400 bad_request");
});


const say = (socket: RawSocket, to: User, key: string): Promise<Frame> => socket.ask({ type: "msg", to: to.name, content: key, client_msg_id: key });
const range = (length: number): number[] => Array.from({ length }, (_, i) => i + 1);

test("[R4] [D12] READ, then DELIVERED late and from another device: the statuses never go back", async () => {
  const { ann, bob, phone, bobs } = await pair();
  const tablet = await bob.socket({ device_id: "tablet" });
  const acks = [];
  for (const i of range(3)) acks.push(await say(phone, bob, String(i)));
  const id = acks[0]?.["conversation_id"] as string;
  await tablet.take({ type: "msg", seq: 3 });
  bobs.send([receipt(id, 3, "READ"), receipt(id, 1, "DELIVERED"), receipt(id, 2, "READ")]);
  await phone.take({ type: "status", status: "READ", up_to_seq: 3 });
  tablet.send([receipt(id, 2, "DELIVERED"), receipt(id, 3, "DELIVERED"), receipt(id, 1, "READ")]);
  // In order behind the tablet's: its next receipt is for what comes now.
  await say(phone, bob, "4");
  tablet.send(receipt(id, 4, "DELIVERED"));
  await phone.take({ type: "status", status: "DELIVERED", up_to_seq: 4 });
  for (const status of ["DELIVERED", "READ"]) {
    const marks = phone.frames.filter((frame) => frame.type === "status" && frame["status"] === status).map((frame) => frame["up_to_seq"] as number);
    expect(marks).toEqual(marks.toSorted((a, b) => a - b));
  }
  const all = await Promise.all(acks.map(async (ack) => receiptsOf(ann, id, ack["msg_id"] as string)));
  expect(all.flat().map(({ status }) => status)).toEqual(["READ", "READ", "READ"]);
  expect(bobs.frames.concat(tablet.frames).filter((frame) => frame.type === "error")).toEqual([]);
});

test("[R5] [E3] a group of 21: delivered 20, read 15, total 20, exactly, over duplicates, one who leaves and one who joins", async () => {
  const ann = await newUser(product, "ann");
  const members = await Promise.all(range(20).map(() => newUser(product, "member")));
  const group = (await ann.group(members)).conversation_id;
  const phone = await ann.socket();
  const sockets = await Promise.all(members.map((member) => member.socket()));
  const ack = await phone.ask({ type: "msg", conversation_id: group, content: "hi", client_msg_id: "1" });
  await Promise.all(sockets.map((socket) => socket.take({ type: "msg" })));
  for (const socket of sockets) for (const _ of range(2)) socket.send(receipt(group, 2, "DELIVERED"));
  await phone.take({ type: "status", msg_id: ack["msg_id"], delivered: 20 });
  for (const socket of sockets.slice(0, 15)) for (const _ of range(2)) socket.send(receipt(group, 2, "READ"));
  expect(await phone.take({ type: "status", msg_id: ack["msg_id"], read: 15 })).toMatchObject({ delivered: 20, total: 20, seq: 2 });
  // Who has read it and leaves has still read it; who joins was not there.
  expect((await members[0]?.call("DELETE", `/v1/conversations/${group}/members/${members[0].name}`))?.status).toBe(204);
  const late = await newUser(product, "late");
  expect((await ann.call("PUT", `/v1/conversations/${group}/members/${late.name}`)).status).toBe(201);
  const lates = await late.socket();
  lates.send(receipt(group, 4, "READ"));
  await until(async () => receiptsOf(ann, group, ack["msg_id"] as string), (receipts) => receipts.length === 20);
  const receipts = await receiptsOf(ann, group, ack["msg_id"] as string);
  expect(receipts.filter(({ status }) => status === "READ")).toHaveLength(15);
  expect(receipts.filter(({ status }) => status === "DELIVERED")).toHaveLength(5);
  expect(receipts.some(({ user_id }) => user_id === late.name)).toBe(false);
  // The joiner counts from here on, the leaver no more.
  const next = await phone.ask({ type: "msg", conversation_id: group, content: "again", client_msg_id: "2" });
  lates.send(receipt(group, next["seq"] as number, "READ"));
  expect(await phone.take({ type: "status", msg_id: next["msg_id"], read: 1 })).toMatchObject({ total: 20 });
});

test("[R6] [E2] [A7] thirty messages while away, then one receipt or thirty: all are DELIVERED, and times only grow", async () => {
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  const phone = await ann.socket();
  const acks = [];
  for (const i of range(30)) acks.push(await say(phone, bob, String(i)));
  const id = acks[0]?.["conversation_id"] as string;
  const bobs = await bob.socket();
  bobs.send({ type: "resume", cursors: {}, user_seq: 0 });
  await bobs.take({ type: "msg", seq: 30 });
  for (const seq of range(10)) bobs.send(receipt(id, seq, "DELIVERED"));
  await phone.take({ type: "status", status: "DELIVERED", up_to_seq: 10 });
  bobs.send(receipt(id, 30, "DELIVERED"));
  await phone.take({ type: "status", status: "DELIVERED", up_to_seq: 30 });
  const receipts = (await Promise.all(acks.map(async (ack) => receiptsOf(ann, id, ack["msg_id"] as string)))).flat();
  expect(receipts.map(({ status }) => status)).toEqual(range(30).map(() => "DELIVERED"));
  const times = receipts.map(({ updated_at }) => updated_at);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  bobs.send(receipt(id, 30, "READ"));
  await phone.take({ type: "status", status: "READ", up_to_seq: 30 });
  const later = await receiptsOf(ann, id, acks[29]?.["msg_id"] as string);
  expect(later[0]?.updated_at).toBeGreaterThanOrEqual(times.at(-1) as number);
});

test("[R7] [D1] read on one device is read on all: the others are told, and the list is clear", async () => {
  const { bob, phone, bobs } = await pair();
  const tablet = await bob.socket({ device_id: "tablet" });
  const ack = await say(phone, bob, "1");
  const id = ack["conversation_id"] as string;
  await Promise.all([bobs, tablet].map((socket) => socket.take({ type: "msg" })));
  const unread = async () => (await bob.call<{ conversations: { conversation_id: string; unread: number }[] }>("GET", "/v1/conversations")).body.conversations.find((row) => row.conversation_id === id)?.unread;
  await until(unread, (count) => count === 1);
  bobs.send(receipt(id, 1, "READ"));
  expect(await tablet.take({ type: "status", user_id: bob.name })).toMatchObject({ conversation_id: id, status: "READ", up_to_seq: 1 });
  expect(await unread()).toBe(0);
  await untilSettled(service, id);
  expect(await unread()).toBe(0);
  expect(bobs.frames.filter((frame) => frame.type === "status")).toEqual([]);
});

describe("[R9] receipts for what is not there", () => {
  test("above the head, before the joining, of a stranger's and of no conversation: refused to the byte the same, and nothing moves", async () => {
    const [ann, bob, late, eve] = [await newUser(product, "ann"), await newUser(product, "bob"), await newUser(product, "late"), await newUser(product, "eve")];
    const group = (await ann.group([bob])).conversation_id;
    const phone = await ann.socket();
    const ack = await phone.ask({ type: "msg", conversation_id: group, content: "hi", client_msg_id: "1" });
    await ann.call("PUT", `/v1/conversations/${group}/members/${late.name}`);
    const [bobs, lates, eves] = await Promise.all([bob, late, eve].map((user) => user.socket())) as [RawSocket, RawSocket, RawSocket];
    const refused = async (socket: RawSocket, conversation: string, seq: number, status: "DELIVERED" | "READ"): Promise<string> => {
      const answer = socket.take({ type: "error" });
      socket.send(receipt(conversation, seq, status));
      return JSON.stringify(await answer).replace(conversation, "…");
    };
    const bad = new Set([
      await refused(bobs, group, 4, "READ"), await refused(bobs, group, Number.MAX_SAFE_INTEGER, "DELIVERED"),
      await refused(lates, group, 1, "READ"), await refused(lates, group, 2, "DELIVERED"),
    ]);
    expect([...bad]).toEqual([expect.stringContaining('"bad_receipt"')]);
    const nobodys = new Set([await refused(eves, group, 1, "READ"), await refused(eves, group, 99, "READ"), await refused(eves, `g.${"0".repeat(32)}`, 1, "READ")]);
    expect([...nobodys]).toEqual([expect.stringContaining('"not_found"')]);
    // The binary schema has no words for the others.
    for (const wrong of bobs.subprotocol === "chat.v1.json" ? [0, -1, 1.5, "1", null] : [0]) {
      bobs.send({ type: "receipt", conversation_id: group, up_to_seq: wrong, status: "READ" });
      expect(await bobs.take({ type: "error" })).toMatchObject({ code: "bad_frame" });
    }
    // A right one among wrong ones counts.
    bobs.send([receipt(group, 99, "READ"), receipt(group, 2, "DELIVERED"), receipt(group, 77, "DELIVERED")]);
    await phone.take({ type: "status", user_id: bob.name, status: "DELIVERED", up_to_seq: 2 });
    expect(await receiptsOf(ann, group, ack["msg_id"] as string)).toMatchObject([{ user_id: bob.name, status: "DELIVERED" }]);
  });
});

test("[R12] a sender who was away learns with the resume, also where nothing new was said", async () => {
  const { ann, bob, phone, bobs } = await pair();
  const ack = await say(phone, bob, "1");
  const id = ack["conversation_id"] as string;
  await bobs.take({ type: "msg" });
  await phone.close();
  bobs.send(receipt(id, 1, "READ"));
  await until(async () => receiptsOf(ann, id, ack["msg_id"] as string), (receipts) => receipts[0]?.status === "READ");
  const back = await ann.socket({ device_id: "phone" });
  back.send({ type: "resume", cursors: { [id]: { epoch: 1, seq: 1 } } });
  expect(await back.take({ type: "status", user_id: bob.name, status: "READ" })).toMatchObject({ up_to_seq: 1 });
});

test("[R8] [D10] a device that receives and never acknowledges is sent the same again, also on reconnect, and the status stays SENT", async () => {
  const { ann, bob, phone, bobs } = await pair();
  const ack = await say(phone, bob, "1");
  const id = ack["conversation_id"] as string;
  await bobs.take({ type: "msg", msg_id: ack["msg_id"] });
  await bobs.take({ type: "msg", msg_id: ack["msg_id"] });
  expect(await receiptsOf(ann, id, ack["msg_id"] as string)).toMatchObject([{ status: "SENT" }]);
  await bobs.close();
  const back = await bob.socket();
  back.send({ type: "resume", cursors: { [id]: { epoch: 1, seq: 0 } } });
  await back.take({ type: "msg", msg_id: ack["msg_id"] });
  expect(memberStatuses(phone)).toEqual([]);
  back.send(receipt(id, 1, "DELIVERED"));
  await phone.take({ type: "status", status: "DELIVERED" });
});

test("[R13] after a kill upon a status, what a sender has seen still holds", async () => {
  const { ann, bob, phone, bobs } = await pair();
  let [sender, reader] = [phone, bobs];
  for (const round of range(3)) {
    const ack = await say(sender, bob, `kill-${round}`);
    const id = ack["conversation_id"] as string;
    await reader.take({ type: "msg", msg_id: ack["msg_id"] });
    const status = round % 2 === 0 ? "READ" : "DELIVERED";
    const told = sender.take({ type: "status", user_id: bob.name, status, up_to_seq: ack["seq"] });
    reader.send(receipt(id, ack["seq"] as number, status));
    await told;
    product.killRuntime();
    await Promise.all([sender.closed, reader.closed]);
    await until(async () => (await ann.call("GET", "/v1/conversations").catch(() => ({ status: 0 }))).status, (code) => code === 200);
    expect(await receiptsOf(ann, id, ack["msg_id"] as string)).toMatchObject([{ status }]);
    [sender, reader] = [await ann.socket({ device_id: "phone" }), await bob.socket({ device_id: "b" })];
  }
});
