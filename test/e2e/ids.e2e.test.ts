// Ids at the edge of what is allowed: names that mean something elsewhere, pairs that look alike, and keys that repeat.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startProduct, type Product } from "../product.ts";
import { codeOf, newUser, operator, statsOf, until, untilSettled, User } from "./api.ts";

let product: Product;
let service: User;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_SETTLE_AFTER_MS: "200" } });
  service = await operator(product);
});

afterAll(() => product.discard());

const named = async (name: string): Promise<User> => new User(product, name, await product.token(name));

test("every allowed name is a user, a device and a key, in direct conversations and in groups", async () => {
  const names = [
    "__proto__", "constructor", "toString", "hasOwnProperty", "null", "undefined", "true", "0", "-1", "NaN", "operator", "system", "d.", "g.", "-", "+", "|", "@", "...",
    "a|b", "a:b@c.d+e-f_g", "Ann", "ann", "x".repeat(128), "1e5", "user@example.com", `d.${"0".repeat(64)}`, "_",
  ];
  const users = await Promise.all(names.map(named));
  const hub = await newUser(product, "hub");
  const inbox = await hub.socket({ device_id: "__proto__" });
  const group = await hub.group(users);
  expect(group.members.map(({ user_id }) => user_id).toSorted()).toEqual([...names, hub.name].toSorted());
  const directs = new Set<string>();
  for (const user of users) {
    const socket = await user.socket({ device_id: user.name });
    expect(socket.hello).toMatchObject({ user_id: user.name, device_id: user.name });
    const ack = await socket.ask({ type: "msg", to: hub.name, content: user.name, client_msg_id: user.name });
    expect(ack).toMatchObject({ type: "ack", seq: 1, client_msg_id: user.name });
    directs.add(String(ack["conversation_id"]));
    expect(await inbox.take({ type: "msg", sender_id: user.name })).toMatchObject({ content: user.name, client_msg_id: user.name });
    expect(await socket.ask({ type: "msg", conversation_id: group.conversation_id, content: "x", client_msg_id: user.name })).toMatchObject({ type: "ack" });
    const { body } = await user.call<{ conversations: { peer_id: string | null }[] }>("GET", "/v1/conversations");
    expect(body.conversations.map(({ peer_id }) => peer_id)).toContain(hub.name);
    socket.cut();
  }
  expect(directs.size).toBe(names.length);
  await untilSettled(service, group.conversation_id);
  const listed = await until(
    () => hub.call<{ conversations: { peer_id: string | null }[] }>("GET", "/v1/conversations?limit=100"), ({ body }) => body.conversations.length === names.length + 1,
  );
  expect(listed.body.conversations.map(({ peer_id }) => peer_id).filter((peer) => peer !== null).toSorted()).toEqual(names.toSorted());
  expect((await hub.history(group.conversation_id)).map(({ seq, sender_id }) => [seq, sender_id])).toEqual([[1, hub.name], ...names.map((name, i) => [i + 2, name])]);
  inbox.cut();
});

test("pairs that look alike are different conversations, and each pair has one", async () => {
  const [a, ab, abc, b, bc, c] = await Promise.all(["a", "ab", "abc", "b", "bc", "c"].map(named)) as [User, User, User, User, User, User];
  const pairs = [[a, bc], [ab, c], [abc, c], [a, b], [b, a], [bc, a]] as const;
  const ids = await Promise.all(pairs.map(async ([from, to]) => (await from.send(to, "x")).conversation_id));
  expect(ids[3]).toBe(ids[4]);
  expect(ids[0]).toBe(ids[5]);
  expect(new Set(ids).size).toBe(4);
});

test("[C1] both begin at once, on sockets and over REST: one conversation, one dense order", async () => {
  for (let round = 0; round < 5; round += 1) {
    const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
    const [first, second] = await Promise.all([ann.socket(), bob.socket()]);
    const acks = await Promise.all([0, 1, 2, 3, 4].flatMap((i) => [
      first.ask({ type: "msg", to: bob.name, content: "x", client_msg_id: `s${i}` }), second.ask({ type: "msg", to: ann.name, content: "x", client_msg_id: `s${i}` }),
      ann.send(bob, "x"), bob.send(ann, "x"),
    ]));
    expect(new Set(acks.map((ack) => ack["conversation_id"])).size).toBe(1);
    expect(acks.map((ack) => Number(ack["seq"])).toSorted((x, y) => x - y)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    for (const socket of [first, second]) socket.cut();
  }
});

test("a conversation with oneself has one member, and the other devices get it", async () => {
  const ann = await newUser(product, "ann");
  const [first, second] = await Promise.all([ann.socket(), ann.socket()]);
  const ack = await first.ask({ type: "msg", to: ann.name, content: "note", client_msg_id: "1" });
  expect(await second.take({ type: "msg" })).toMatchObject({ content: "note", sender_id: ann.name });
  const id = String(ack["conversation_id"]);
  expect((await statsOf(service, id)).members).toBe(1);
  await untilSettled(service, id);
  const { body } = await ann.call<{ conversations: object[] }>("GET", "/v1/conversations");
  expect(body.conversations).toMatchObject([{ conversation_id: id, kind: "direct", peer_id: ann.name, head_seq: 1, unread: 0 }]);
  for (const socket of [first, second]) socket.cut();
});

test("[A5] a client_msg_id is one message per sender and conversation", async () => {
  const [ann, bob, cid] = await Promise.all(["ann", "bob", "cid"].map((prefix) => newUser(product, prefix))) as [User, User, User];
  const group = (await ann.group([bob, cid])).conversation_id;
  const client_msg_id = randomUUID();
  const sent = [
    await ann.send(group, "ann's", { client_msg_id }), await bob.send(group, "bob's", { client_msg_id }), await ann.send(bob, "elsewhere", { client_msg_id }), await ann.send(cid, "there", { client_msg_id }),
  ];
  expect(sent.map(({ seq, dup }) => [seq, dup])).toEqual([[2, undefined], [3, undefined], [1, undefined], [1, undefined]]);
  expect(new Set(sent.map(({ msg_id }) => msg_id)).size).toBe(4);
  const again = await ann.call("POST", "/v1/messages", { conversation_id: group, content: "another body", content_type: "image", client_msg_id });
  expect([again.status, again.body]).toEqual([200, { ...sent[0], dup: true }]);
  expect((await cid.history(group)).map((event) => (event.type === "msg" ? event.content : event.type))).toEqual(["created", "ann's", "bob's"]);
  expect(codeOf(await cid.call("POST", "/v1/messages", { conversation_id: sent[2]?.conversation_id, content: "x", client_msg_id }))).toBe("404 not_found");
});
