// Blocks, over the started product: who is blocked can't write, learns no reason, and sees no more of the other than a stranger.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Block } from "../../protocol/users.ts";
import { startProduct, type Product } from "../product.ts";
import { codeOf, newUser, operator, until, untilSettled, type Answer, type User } from "./api.ts";
import type { Frame } from "./raw-socket.ts";

let product: Product;
let service: User;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_SETTLE_AFTER_MS: "200" } });
  service = await operator(product);
});

afterAll(() => product.discard());

const pair = async (): Promise<[User, User]> => [await newUser(product, "ann"), await newUser(product, "eve")];
const block = (ann: User, eve: User): Promise<Answer<Block>> => ann.call<Block>("PUT", `/v1/blocks/${eve.name}`);
const unblock = (ann: User, eve: User): Promise<Answer> => ann.call("DELETE", `/v1/blocks/${eve.name}`);
const write = (from: User, to: User, client_msg_id: string = randomUUID()): Promise<Answer> =>
  from.call("POST", "/v1/messages", { to: to.name, content: "x", client_msg_id });
const blocksOf = async (ann: User): Promise<string[]> => (await ann.call<{ blocks: Block[] }>("GET", "/v1/blocks")).body.blocks.map(({ user_id }) => user_id);

describe("a direct conversation", () => {
  test("[U9] who is blocked gets a bare forbidden at every entrance, and nothing is stored; who blocks can write", async () => {
    const [ann, eve] = await pair();
    const { conversation_id } = await eve.send(ann, "hello");
    const key = randomUUID();
    const first = await eve.call("POST", "/v1/messages", { to: ann.name, content: "again", client_msg_id: key });
    expect(first.status).toBe(201);
    expect((await block(ann, eve)).status).toBe(200);
    const eves = await eve.socket();
    const refused = { type: "error", code: "forbidden", message: "This is not allowed.", retryable: false };
    const byUser = { type: "msg", to: ann.name, content: "x", client_msg_id: randomUUID() };
    expect(await eves.ask(byUser)).toEqual({ ...refused, client_msg_id: byUser.client_msg_id });
    const byId = { type: "msg", conversation_id, content: "x", client_msg_id: randomUUID() };
    expect(await eves.ask(byId)).toEqual({ ...refused, client_msg_id: byId.client_msg_id, conversation_id });
    const rest = await write(eve, ann);
    expect([rest.status, rest.body]).toEqual([403, { error: { code: "forbidden", message: "This is not allowed.", retryable: false } }]);
    // What was sent before keeps its acknowledgement, for life.
    expect((await write(eve, ann, key)).body).toMatchObject({ ...(first.body as object), dup: true });
    expect((await ann.history(conversation_id)).length).toBe(2);
    expect((await eve.history(conversation_id)).length).toBe(2);
    const anns = await write(ann, eve);
    expect(anns.status).toBe(201);
    expect((await eves.take({ type: "msg", sender_id: ann.name })).seq).toBe(3);
  });

  test("[U9] it holds where the conversation does not exist yet: the same bytes, and no object is written", async () => {
    const [ann, eve] = await pair();
    const [other, mallory] = await pair();
    await other.send(mallory, "begun");
    await block(other, mallory);
    await block(ann, eve);
    const [absent, present] = [await write(eve, ann), await write(mallory, other)];
    expect([absent.status, absent.text]).toEqual([403, present.text]);
    expect((await ann.call<{ conversations: unknown[] }>("GET", "/v1/conversations")).body.conversations).toEqual([]);
    // The one who blocks begins it: the other still can't write, though the conversation was told of nothing before.
    const { conversation_id } = await ann.send(eve, "listen");
    await untilSettled(service, conversation_id);
    await until(() => write(eve, ann), ({ status }) => status === 403);
    expect((await eve.history(conversation_id)).length).toBe(1);
  });

  test("[U9] lifted, and the other may write again; over kills and restarts it stands", async () => {
    const [ann, eve] = await pair();
    const { conversation_id } = await eve.send(ann, "1");
    await block(ann, eve);
    await product.killTree();
    await product.restart();
    expect(codeOf(await write(eve, ann))).toBe("403 forbidden");
    expect(await blocksOf(ann)).toEqual([eve.name]);
    expect((await unblock(ann, eve)).status).toBe(204);
    expect(await blocksOf(ann)).toEqual([]);
    expect((await write(eve, ann)).status).toBe(201);
    expect((await unblock(ann, eve)).status).toBe(204);
    expect((await eve.history(conversation_id)).length).toBe(2);
  });

  test("[U9] a block is one's own: the other's list, profile, history and conversation are as before, to the byte", async () => {
    const [ann, eve] = await pair();
    const { conversation_id } = await eve.send(ann, "hello");
    await ann.send(eve, "hi");
    await untilSettled(service, conversation_id);
    const seen = async (): Promise<string[]> => Promise.all([
      "/v1/blocks", `/v1/users/${ann.name}`, `/v1/history/${conversation_id}`, `/v1/conversations/${conversation_id}`, "/v1/conversations",
    ].map(async (path) => (await eve.call("GET", path)).text));
    const before = await seen();
    await block(ann, eve);
    expect(await seen()).toEqual(before);
    expect((await write(ann, ann)).status).toBe(201);
  });
});

describe("the list", () => {
  test("[U10] it is kept in order, says since when, and takes anybody but oneself, also who is not registered", async () => {
    const ann = await newUser(product, "ann");
    const others = [`x-${randomUUID()}`, `y-${randomUUID()}`, `z-${randomUUID()}`];
    for (const name of others) expect((await ann.call("PUT", `/v1/blocks/${name}`)).status).toBe(200);
    const list = (await ann.call<{ blocks: Block[] }>("GET", "/v1/blocks")).body.blocks;
    expect(list.map(({ user_id }) => user_id)).toEqual(others);
    const again = await ann.call<Block>("PUT", `/v1/blocks/${others[0]}`);
    expect(again.body).toEqual(list[0]);
    expect(codeOf(await ann.call("PUT", `/v1/blocks/${ann.name}`))).toBe("400 bad_request");
    for (const bad of ["a%20b", "x".repeat(129), "%00", "service"]) expect([bad, codeOf(await ann.call("PUT", `/v1/blocks/${bad}`))]).toEqual([bad, "404 not_found"]);
    for (const [method, path] of [["GET", "/v1/blocks"], ["PUT", "/v1/blocks/x"], ["DELETE", "/v1/blocks/x"]] as const) {
      expect(codeOf(await service.call(method, path))).toBe("403 forbidden");
    }
  });
});

describe("silence", () => {
  test("[U11] [P6] presence: the blocked one sees OFFLINE and no time, and hears of no change", async () => {
    const [ann, eve] = await pair();
    await ann.send(eve, "hello");
    const [anns, eves] = [await ann.socket(), await eve.socket()];
    const presenceOf = async (who: User): Promise<unknown> => (await eve.call<{ presence: unknown[] }>("GET", `/v1/presence?users=${who.name}`)).body.presence[0];
    await until(() => presenceOf(ann), (one) => (one as { status: string }).status === "ONLINE");
    await block(ann, eve);
    const stranger = await newUser(product, "stranger");
    expect(await presenceOf(ann)).toEqual({ ...(await presenceOf(stranger) as object), user_id: ann.name });
    eves.send({ type: "presence_sub", users: [ann.name] });
    expect(await eves.take({ type: "presence", user_id: ann.name })).toEqual({ type: "presence", user_id: ann.name, status: "OFFLINE", last_seen: null });
    await anns.close();
    const again = await ann.socket();
    // A message of somebody else comes behind anything that her going and coming could have brought.
    const friend = await newUser(product, "friend");
    await friend.send(eve, "after");
    await eves.take({ type: "msg", sender_id: friend.name });
    expect(eves.frames.filter((frame: Frame) => frame.type === "presence" && frame["status"] === "ONLINE")).toEqual([]);
    expect(again.open).toBe(true);
  });

  test("[U11] [P7] last seen, hidden by the profile, is hidden from a friend as well", async () => {
    const [ann, eve] = await pair();
    await ann.send(eve, "hello");
    await (await ann.socket()).close();
    const seen = async (): Promise<{ last_seen: number | null }> =>
      (await eve.call<{ presence: [{ last_seen: number | null }] }>("GET", `/v1/presence?users=${ann.name}`)).body.presence[0];
    await until(seen, ({ last_seen }) => last_seen !== null);
    await ann.call("PATCH", "/v1/users/me", { hide_last_seen: true });
    expect(await seen()).toEqual({ user_id: ann.name, status: "OFFLINE", last_seen: null });
  });

  test("[U11] typing: neither sees the other's, and the blocked one is refused nothing", async () => {
    const [ann, eve] = await pair();
    const { conversation_id } = await ann.send(eve, "hello");
    await untilSettled(service, conversation_id);
    const [anns, eves] = [await ann.socket(), await eve.socket()];
    for (const socket of [anns, eves]) socket.send({ type: "open", conversation_id });
    eves.send({ type: "typing", conversation_id, on: true });
    await anns.take({ type: "typing", user_id: eve.name, on: true });
    await block(ann, eve);
    eves.send({ type: "typing", conversation_id, on: false });
    anns.send({ type: "typing", conversation_id, on: true });
    // A message comes behind them.
    await ann.send(eve, "after");
    await eves.take({ type: "msg", content: "after" });
    await anns.take({ type: "msg", content: "after" });
    const typing = (frames: readonly Frame[]): unknown[] => frames.filter(({ type }) => type === "typing" || type === "error").map((frame) => frame["on"]);
    expect([typing(anns.frames), typing(eves.frames)]).toEqual([[true], []]);
  });

  test("[U11] [I6] pushes: what the blocked one writes in a group brings none, what another writes does", async () => {
    const [ann, eve] = await pair();
    const friend = await newUser(product, "friend");
    const { conversation_id } = await friend.group([ann, eve]);
    await untilSettled(service, conversation_id);
    await block(ann, eve);
    const pushes = async (): Promise<unknown[]> => (await service.call<{ pushes: unknown[] }>("GET", `/v1/admin/users/${ann.name}/pushes`)).body.pushes;
    await eve.send(conversation_id, "@ann", { mentions: [ann.name] });
    await untilSettled(service, conversation_id);
    expect(await pushes()).toEqual([]);
    await friend.send(conversation_id, "hello");
    await untilSettled(service, conversation_id);
    expect(await until(pushes, (queued) => queued.length > 0)).toMatchObject([{ conversation_id }]);
  });
});
