// The list of conversations, what waits to be pushed, and coming back to a backlog, against the started product.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ConversationRow } from "../../protocol/frames/inbox.ts";
import type { ChangedConversations, ConversationList, QueuedPush } from "../../protocol/rest/inbox.ts";
import { startProduct, type Product } from "../product.ts";
import { codeOf, newUser, operator, until, untilSettled, type User } from "./api.ts";
import { Poller } from "./poller.ts";
import type { Frame } from "./raw-socket.ts";

let product: Product;
let service: User;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_SETTLE_AFTER_MS: "200", CONFAB_RATE_LIMIT: "0", CONFAB_CREDIT_EVENTS: "0" } });
  service = await operator(product);
});

afterAll(() => product.discard());

const users = (count: number): Promise<User[]> => Promise.all(Array.from({ length: count }, () => newUser(product)));
const listOf = async (user: User, query = ""): Promise<ConversationRow[]> => (await user.call<ConversationList>("GET", `/v1/conversations${query}`)).body.conversations;
const rowOf = async (user: User, id: string): Promise<ConversationRow> => {
  const row = (await listOf(user)).find(({ conversation_id }) => conversation_id === id);
  if (row === undefined) throw new Error(`${user.name} has no ${id}`);
  return row;
};
const pushesOf = async (user: User): Promise<QueuedPush[]> => (await service.call<{ pushes: QueuedPush[] }>("GET", `/v1/admin/users/${user.name}/pushes`)).body.pushes;
const msgs = (frames: readonly Frame[]): unknown[] => frames.filter(({ type }) => type === "msg").map((frame) => frame["content"]);
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

describe("the list", () => {
  test("[D1] [I1] [I2] a second device that logs in fresh has list, unread and last messages, and reads on one device clear all", async () => {
    const [ann, bob] = await users(2) as [User, User];
    const { conversation_id } = await ann.send(bob, "one");
    for (const content of ["two", "three"]) await ann.send(bob, content);
    // Busy or settled: the list counts what is there.
    expect(await rowOf(bob, conversation_id)).toMatchObject({
      kind: "direct", peer_id: ann.name, head_seq: 3, unread: 3, unread_mentions: 0, muted: false, archived: false, mode: "write",
      last_message: { seq: 3, sender_id: ann.name, preview: "three", content_type: "text" },
    });
    expect(await rowOf(ann, conversation_id)).toMatchObject({ unread: 0, last_message: { preview: "three" } });
    expect((await bob.history(conversation_id)).map((event) => event.type === "msg" && event.content)).toEqual(["one", "two", "three"]);
    const [first, second] = [await bob.socket({ device_id: "first" }), await bob.socket({ device_id: "second" })];
    first.send({ type: "receipt", conversation_id, up_to_seq: 3, status: "READ" });
    await second.take((frame) => frame.type === "inbox" && (frame["conversation"] as ConversationRow).unread === 0);
    expect((await rowOf(bob, conversation_id)).unread).toBe(0);
    for (const socket of [first, second]) socket.cut();
  });

  test("[I8] muting and archiving show on all devices, filter the list, and end where they should", async () => {
    const [ann, bob] = await users(2) as [User, User];
    const { conversation_id } = await ann.send(bob, "hello");
    await untilSettled(service, conversation_id);
    const socket = await bob.socket();
    const poller = new Poller(bob, product.url, "poller");
    await poller.poll(0);
    const patch = (body: object) => bob.call<ConversationRow>("PATCH", `/v1/inbox/${conversation_id}`, body);
    expect((await patch({ muted: true, archived: true })).body).toMatchObject({ conversation_id, muted: true, archived: true, unread: 1 });
    expect((await socket.take({ type: "inbox" }))["conversation"]).toMatchObject({ conversation_id, muted: true, archived: true });
    expect(await poller.take(({ type }) => type === "inbox")).toMatchObject({ conversation: { archived: true } });
    const ids = async (query: string) => (await listOf(bob, query)).map((row) => row.conversation_id);
    expect([await ids("?archived=true"), await ids("?archived=false"), await ids("")]).toEqual([[conversation_id], [], [conversation_id]]);
    // A new message brings it back, and what is muted stays so.
    await ann.send(bob, "again");
    await untilSettled(service, conversation_id);
    expect(await rowOf(bob, conversation_id)).toMatchObject({ archived: false, muted: true, unread: 2 });
    for (const wrong of [{}, { muted: 1 }, { other: true }, []]) expect(codeOf(await patch(wrong))).toBe("400 bad_request");
    const eve = await newUser(product);
    const stranger = await eve.call("PATCH", `/v1/inbox/${conversation_id}`, { muted: true });
    const absent = await eve.call("PATCH", `/v1/inbox/d.${"0".repeat(64)}`, { muted: true });
    expect([codeOf(stranger), stranger.text]).toEqual(["404 not_found", absent.text]);
    for (const wrong of ["archived=yes", "since=-1", "limit=0"]) expect(codeOf(await bob.call("GET", `/v1/conversations?${wrong}`))).toBe("400 bad_request");
    socket.cut();
  });

  test("[I8] what is archived right after a message stays so, and says what it was; the next message brings it back", async () => {
    const [ann, bob] = await users(2) as [User, User];
    const { conversation_id } = await ann.send(bob, "one");
    await untilSettled(service, conversation_id);
    await ann.send(bob, "two");
    const patched = await bob.call<ConversationRow>("PATCH", `/v1/inbox/${conversation_id}`, { archived: true });
    expect(patched.body).toMatchObject({ archived: true, unread: 2, head_seq: 2, last_message: { seq: 2, preview: "two" } });
    expect(await rowOf(bob, conversation_id)).toMatchObject({ archived: true });
    await untilSettled(service, conversation_id);
    expect(await rowOf(bob, conversation_id)).toMatchObject({ archived: true, unread: 2 });
    expect(await pushesOf(bob)).toMatchObject([{ conversation_id, from_seq: 1, to_seq: 2 }]);
    await ann.send(bob, "three");
    await untilSettled(service, conversation_id);
    expect(await rowOf(bob, conversation_id)).toMatchObject({ archived: false, unread: 3 });
  });

  test("[I8] what changed since a user_seq is one call, left conversations among it", async () => {
    const [ann, bob] = await users(2) as [User, User];
    const since = async (user_seq: number) => (await bob.call<ChangedConversations>("GET", `/v1/conversations?since=${user_seq}`)).body;
    expect(await since(0)).toEqual({ conversations: [], user_seq: 0, more: false });
    const group = await ann.group([bob]);
    const { conversation_id } = await ann.send(bob, "hello");
    for (const id of [conversation_id, group.conversation_id]) await untilSettled(service, id);
    const first = await since(0);
    expect(first.conversations.map((row) => row.conversation_id).toSorted()).toEqual([conversation_id, group.conversation_id].toSorted());
    expect(await since(first.user_seq)).toEqual({ conversations: [], user_seq: first.user_seq, more: false });
    await ann.call("DELETE", `/v1/conversations/${group.conversation_id}/members/${bob.name}`);
    await untilSettled(service, group.conversation_id);
    const second = await since(first.user_seq);
    expect(second.conversations).toMatchObject([{ conversation_id: group.conversation_id, left: true }]);
    expect(second.user_seq).toBeGreaterThan(first.user_seq);
  });

  test("[I1] its order is that of the last activity, over pages", async () => {
    const [ann, ...others] = await users(8) as [User, ...User[]];
    for (const other of others) await other.send(ann, "hi");
    const order = [3, 0, 5, 1, 6, 2, 4];
    const acks = [];
    for (const i of order) acks.push(await (others[i] as User).send(ann, "again"));
    // At once, before anything has settled: what is busy is asked.
    expect(new Set((await listOf(ann)).map((row) => [row.peer_id, row.unread].join()))).toEqual(new Set(others.map(({ name }) => `${name},2`)));
    for (const { conversation_id } of acks) await untilSettled(service, conversation_id);
    const listed: (string | null)[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const page: ConversationList = (await ann.call<ConversationList>("GET", `/v1/conversations?limit=3${cursor === "" ? "" : `&cursor=${cursor}`}`)).body;
      listed.push(...page.conversations.map((row) => row.peer_id));
      if (page.next_cursor !== null) expect(codeOf(await ann.call("GET", `/v1/conversations?archived=false&cursor=${page.next_cursor}`))).toBe("400 bad_cursor");
      cursor = page.next_cursor;
    }
    expect(listed).toEqual(order.toReversed().map((i) => others[i]?.name));
  });
});

describe("pushes", () => {
  test("[A9] [A8] [I6] in a group of online, offline and online two get it at once, the third one push, and the message when they are back", async () => {
    const [ann, bob, cid] = await users(3) as [User, User, User];
    const { conversation_id } = await ann.group([bob, cid]);
    await untilSettled(service, conversation_id);
    const [a, c] = [await ann.socket({ device_id: "a" }), await cid.socket({ device_id: "c" })];
    a.send({ type: "msg", conversation_id, content: "first", client_msg_id: randomUUID() });
    await Promise.all([a.take({ type: "ack" }), c.take({ type: "msg", content: "first" })]);
    await untilSettled(service, conversation_id);
    expect([await pushesOf(ann), await pushesOf(cid)]).toEqual([[], []]);
    expect(await pushesOf(bob)).toMatchObject([{ conversation_id, from_seq: 2, to_seq: 2, mention: false }]);
    const b = await bob.socket({ device_id: "b" });
    b.send({ type: "resume", cursors: { [conversation_id]: { epoch: 1, seq: 1 } }, user_seq: 0 });
    expect(await b.take({ type: "msg" })).toMatchObject({ content: "first", seq: 2 });
    b.send({ type: "receipt", conversation_id, up_to_seq: 2, status: "READ" });
    await until(() => pushesOf(bob), (queue) => queue.length === 0);
    for (const socket of [a, b, c]) socket.cut();
  });

  test("[E2] [A8] [I6] thirty messages to somebody offline: one push, and all thirty once, in order, when they come", async () => {
    const [ann, bob] = await users(2) as [User, User];
    const poller = new Poller(ann, product.url, "a");
    const acks = await poller.post(range(30).map((i) => ({ type: "msg", to: bob.name, content: `${i}`, client_msg_id: `m${i}` })));
    const conversation_id = acks[0]?.["conversation_id"] as string;
    await untilSettled(service, conversation_id);
    expect(await pushesOf(bob)).toMatchObject([{ conversation_id, from_seq: 1, to_seq: 30 }]);
    expect(await rowOf(bob, conversation_id)).toMatchObject({ unread: 30, last_message: { preview: "29" } });
    const socket = await bob.socket({ device_id: "b" });
    socket.send({ type: "resume", cursors: {}, user_seq: 0 });
    await socket.take({ type: "msg", content: "29" });
    expect(msgs(socket.frames)).toEqual(range(30).map(String));
    socket.cut();
  });

  test("[I6] a muted conversation queues nothing, and muting takes back what waits", async () => {
    const [ann, bob] = await users(2) as [User, User];
    const { conversation_id } = await ann.send(bob, "one");
    await until(() => pushesOf(bob), (queue) => queue.length === 1);
    await bob.call("PATCH", `/v1/inbox/${conversation_id}`, { muted: true });
    expect(await pushesOf(bob)).toEqual([]);
    await ann.send(bob, "two");
    await untilSettled(service, conversation_id);
    expect(await pushesOf(bob)).toEqual([]);
    expect(codeOf(await service.call("GET", "/v1/admin/users/nobody-knows-them/pushes"))).toBe("404 not_found");
    expect(codeOf(await bob.call("GET", `/v1/admin/users/${bob.name}/pushes`))).toBe("403 forbidden");
  });

  test("[I6] [G13] [A10] in a group that writes no inboxes the first unread message is one push, and a mention another", async () => {
    const [ann, bob, cid, dan] = await users(4) as [User, User, User, User];
    const thresholds = (fanout_write_max: number, fanout_write_again: number) => service.call("PATCH", "/v1/admin/settings", { fanout_write_max, fanout_write_again });
    await thresholds(2, 1);
    try {
      const { conversation_id } = await ann.group([bob, cid, dan]);
      const socket = await cid.socket({ device_id: "c" });
      await until(() => rowOf(bob, conversation_id), ({ mode }) => mode === "read");
      const { seq } = await ann.send(conversation_id, "one");
      await until(() => pushesOf(bob), (queue) => queue.length === 1 && queue[0]?.from_seq === seq);
      await ann.send(conversation_id, "two", { mentions: [dan.name] });
      await until(() => pushesOf(dan), (queue) => queue.length === 1);
      expect([(await pushesOf(bob)).length, await pushesOf(cid), await pushesOf(ann)]).toEqual([1, [], []]);
      await bob.call("PATCH", `/v1/inbox/${conversation_id}`, { muted: true });
      expect(await pushesOf(bob)).toEqual([]);
      await ann.send(conversation_id, "three", { mentions: [bob.name, dan.name] });
      expect(await pushesOf(bob)).toEqual([]);
      socket.cut();
    } finally {
      await thresholds(100, 80);
    }
  });

  test("[I7] devices are registered, listed without their tokens, and forgotten", async () => {
    const bob = await newUser(product);
    const put = (id: string, body: object) => bob.call("PUT", `/v1/devices/${id}`, body);
    expect((await put("phone", { platform: "apns", token: "secret-token" })).body).toMatchObject({ device_id: "phone", platform: "apns" });
    const listed = await bob.call("GET", "/v1/devices");
    expect([listed.status, listed.text.includes("secret-token"), listed.text.includes("phone")]).toEqual([200, false, true]);
    for (const wrong of [{}, { platform: "pager", token: "x" }, { platform: "apns" }, { platform: "apns", token: "" }, { platform: "apns", token: "has space" }, { platform: "apns", token: "x".repeat(4_097) }]) {
      expect(codeOf(await put("phone", wrong))).toBe("400 bad_request");
    }
    expect(codeOf(await put("no%20id", { platform: "apns", token: "x" }))).toBe("404 not_found");
    expect((await bob.call("DELETE", "/v1/devices/phone")).status).toBe(204);
    expect(codeOf(await bob.call("DELETE", "/v1/devices/phone"))).toBe("404 not_found");
  });
});

test("[D11] 10,000 events as a backlog over 50 conversations: at most 50 events are pushed, and the client pulls the rest at its own pace", async () => {
  const [ann, bob] = await users(2) as [User, User];
  const each = 200;
  const groups = await Promise.all(range(50).map(() => ann.group([bob])));
  const poller = new Poller(ann, product.url, "a");
  await Promise.all(groups.map(async ({ conversation_id }) => {
    const acks = await poller.post(range(each).map((i) => ({ type: "msg", conversation_id, content: `${i}`, client_msg_id: `m${i}` })));
    expect(acks.every(({ type }) => type === "ack")).toBe(true);
  }));
  await Promise.all(groups.map(({ conversation_id }) => untilSettled(service, conversation_id)));
  const socket = await bob.socket({ device_id: "b" });
  socket.send({ type: "resume", cursors: {}, user_seq: 0 });
  const sync = await socket.take({ type: "sync_required" });
  const pushed = socket.frames.filter((frame) => "msg_id" in frame);
  expect(pushed.length).toBeLessThanOrEqual(50);
  const heads = new Map((sync["conversations"] as { conversation_id: string; head_seq: number }[]).map((head) => [head.conversation_id, head.head_seq]));
  // One that the fifty events bring whole needs no pull.
  expect(groups.filter(({ conversation_id }) => heads.get(conversation_id) !== each + 1).length).toBeLessThanOrEqual(Math.floor(50 / (each + 1)));
  await Promise.all(groups.map(async ({ conversation_id }) => {
    const pulled = (await bob.history(conversation_id)).filter((event) => event.type === "msg").map((event) => event.content);
    expect(pulled).toEqual(range(each).map(String));
  }));
  // A poll pushes nothing of it at all.
  const frames = await new Poller(bob, product.url, "p").poll(0);
  expect(frames.map(({ type, conversations }) => [type, (conversations as unknown[]).length])).toEqual([["sync_required", 50]]);
  socket.cut();
});

test("[E9] [I1] after a restart the list, its flags, unread counts, pushes and history are what they were", async () => {
  const [ann, bob, cid] = await users(3) as [User, User, User];
  const direct = await ann.send(bob, "direct");
  const group = await cid.group([ann, bob], { title: "Team" });
  await cid.send(group.conversation_id, "group");
  await bob.call("PATCH", `/v1/inbox/${direct.conversation_id}`, { muted: true });
  await bob.call("PUT", "/v1/devices/phone", { platform: "fcm", token: "t" });
  for (const id of [direct.conversation_id, group.conversation_id]) await untilSettled(service, id);
  const look = async () => ({
    list: await listOf(bob), pushes: await pushesOf(bob), devices: (await bob.call("GET", "/v1/devices")).body,
    since: (await bob.call("GET", "/v1/conversations?since=0")).body, history: await bob.history(group.conversation_id),
  });
  const before = await look();
  expect(before.list.map(({ conversation_id, muted }) => [conversation_id, muted])).toEqual([[group.conversation_id, false], [direct.conversation_id, true]]);
  expect(before.pushes).toHaveLength(1);
  await product.killTree();
  await product.restart();
  expect(await look()).toEqual(before);
  await ann.send(bob, "goes on");
  expect(await rowOf(bob, direct.conversation_id)).toMatchObject({ unread: 2, muted: true, last_message: { preview: "goes on" } });
});
