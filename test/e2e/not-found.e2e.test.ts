// What somebody may not see and what is not there: one and the same answer, to the byte; and nothing written by asking.
import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AckFrame } from "../../protocol/frames/msg.ts";
import { directPairBytes } from "../../protocol/ids.ts";
import { startProduct, type Product } from "../product.ts";
import { codeOf, newUser, operator, until, User, type Answer } from "./api.ts";
import type { Frame, RawSocket } from "./raw-socket.ts";

let product: Product;
let service: User;
let ann: User;
let bob: User;
let eve: User;
let eves: RawSocket;
/** Conversations that eve may not see, by why. */
let hidden: readonly (readonly [string, string])[];

const directId = (a: string, b: string): string => `d.${createHash("sha256").update(directPairBytes(a, b)).digest("hex")}`;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  [service, ann, bob, eve] = await Promise.all([operator(product), newUser(product, "ann"), newUser(product, "bob"), newUser(product, "eve")]);
  const [strange, left] = await Promise.all([ann.group([bob]), ann.group([bob, eve])]);
  await eve.send(left.conversation_id, "was here", { client_msg_id: "was-here" });
  await ann.call("DELETE", `/v1/conversations/${left.conversation_id}/members/${eve.name}`);
  hidden = [
    ["a group that is not there", `g.${"0".repeat(32)}`], ["one of a jurisdiction that is not there", `g.eu.${"0".repeat(32)}`],
    ["a group of others", strange.conversation_id], ["a group that removed her", left.conversation_id],
    ["others' direct conversation", (await ann.send(bob, "private")).conversation_id],
    ["a direct conversation that is not there", directId("nobody", "noone")], ["her own, not begun", directId(eve.name, bob.name)],
  ];
  eves = await eve.socket();
});

afterAll(() => product.discard());

const message = (conversation_id: string, key: string): object => ({ conversation_id, content: "x", client_msg_id: key });

describe("a stranger, a removed member and an absent conversation are one to eve", () => {
  const calls: readonly (readonly [string, (id: string) => Promise<Answer>])[] = [
    ["GET a conversation", (id) => eve.call("GET", `/v1/conversations/${id}`)],
    ["PATCH a conversation", (id) => eve.call("PATCH", `/v1/conversations/${id}`, { title: "Mine" })],
    ["GET history", (id) => eve.call("GET", `/v1/history/${id}`)],
    ["GET history behind a message", (id) => eve.call("GET", `/v1/history/${id}?after=0`)],
    ["GET history with a cursor", (id) => eve.call("GET", `/v1/history/${id}?cursor=1.1.${"0".repeat(32)}`)],
    ["PUT herself", (id) => eve.call("PUT", `/v1/conversations/${id}/members/${eve.name}`)],
    ["PUT a registered user", (id) => eve.call("PUT", `/v1/conversations/${id}/members/${bob.name}`)],
    ["PUT an unregistered user", (id) => eve.call("PUT", `/v1/conversations/${id}/members/nobody`)],
    ["DELETE herself", (id) => eve.call("DELETE", `/v1/conversations/${id}/members/${eve.name}`)],
    ["DELETE a member", (id) => eve.call("DELETE", `/v1/conversations/${id}/members/${bob.name}`)],
    ["POST a message", (id) => eve.call("POST", "/v1/messages", message(id, "strange"))],
  ];

  test.each(calls)("%s", async (_name, call) => {
    const answers = await Promise.all(hidden.map(async ([why, id]) => [why, await call(id)] as const));
    const [, first] = answers[0] as readonly [string, Answer];
    expect(codeOf(first)).toBe("404 not_found");
    for (const [why, answer] of answers) {
      expect([why, answer.status, answer.text]).toEqual([why, first.status, first.text]);
      const names = [...answer.headers.keys()].filter((name) => name !== "date");
      expect([why, names]).toEqual([why, [...first.headers.keys()].filter((name) => name !== "date")]);
    }
  });

  test("a frame to it, and a resume of it", async () => {
    const shapes = new Set<string>();
    const shapeOf = ({ conversation_id: _conversation, client_msg_id: _key, ...rest }: Frame): string => JSON.stringify(rest);
    for (const [i, [, id]] of hidden.entries()) {
      const answer = await eves.ask({ type: "msg", ...message(id, `ws-${i}`) });
      expect(answer).toMatchObject({ type: "error", code: "not_found", conversation_id: id });
      shapes.add(shapeOf(answer));
      const lost = eves.take({ type: "error", conversation_id: id, client_msg_id: undefined });
      eves.send({ type: "resume", cursors: { [id]: { epoch: 1, seq: i } } });
      shapes.add(shapeOf(await lost));
    }
    expect([...shapes]).toHaveLength(1);
  });

  test("[O6] what she sent as a member has the acknowledgement that it had, there and nowhere else, and is not stored again", async () => {
    for (const [why, id] of hidden) {
      const [posted, framed] = [await eve.call<AckFrame>("POST", "/v1/messages", message(id, "was-here")), await eves.ask({ type: "msg", ...message(id, "was-here") })];
      if (why === "a group that removed her") {
        expect(posted).toMatchObject({ status: 200, body: { seq: 2, client_msg_id: "was-here" } });
        expect(framed).toMatchObject({ type: "ack", seq: 2, msg_id: posted.body.msg_id });
      } else {
        expect([why, codeOf(posted)]).toEqual([why, "404 not_found"]);
        expect([why, framed]).toMatchObject([why, { type: "error", code: "not_found" }]);
      }
    }
  });

  test("what is no id at all is not found either, and asking wrote nothing", async () => {
    for (const id of ["x", "d.", `d.${"0".repeat(63)}`, `d.${"0".repeat(64).replace("0", "A")}`, "g.", `g.us.${"0".repeat(32)}`, `c.${"0".repeat(32)}`, "null", "..%2f", "%00"]) {
      for (const path of [`/v1/conversations/${id}`, `/v1/history/${id}`]) expect([path, codeOf(await eve.call("GET", path))]).toEqual([path, "404 not_found"]);
    }
    for (const [why, id] of hidden) {
      const stats = await service.call<{ head_seq?: number }>("GET", `/v1/admin/conversations/${id}/stats`);
      const expected: Record<string, string | number> = { "a group of others": 1, "a group that removed her": 3, "others' direct conversation": 1 };
      expect([why, stats.body.head_seq ?? codeOf(stats)]).toEqual([why, expected[why] ?? "404 not_found"]);
    }
  });
});

describe("unknown_user", () => {
  test("a message to somebody who is not registered: refused by both entrances, nothing written, and accepted later", async () => {
    const name = `late-${randomUUID()}`;
    const id = directId(eve.name, name);
    const frame = { type: "msg", to: name, content: "x", client_msg_id: "early" };
    expect(await eves.ask(frame)).toMatchObject({ type: "error", code: "unknown_user", client_msg_id: "early", retryable: false });
    expect(codeOf(await eve.call("POST", "/v1/messages", frame))).toBe("404 unknown_user");
    expect(codeOf(await service.call("GET", `/v1/admin/conversations/${id}/stats`))).toBe("404 not_found");
    expect(codeOf(await eve.call("GET", `/v1/history/${id}`))).toBe("404 not_found");
    // Asking did not register them.
    expect(codeOf(await eve.call("POST", "/v1/conversations", { kind: "group", title: "T", members: [name] }))).toBe("404 unknown_user");

    expect((await service.call("PUT", `/v1/admin/users/${name}`)).status).toBe(200);
    expect(await eves.ask(frame)).toMatchObject({ type: "ack", seq: 1, conversation_id: id });
    const late = new User(product, name, await product.token(name));
    await until(() => late.call<{ conversations: object[] }>("GET", "/v1/conversations"), ({ body }) => body.conversations.length === 1);
    expect((await late.history(id)).map((event) => event.seq)).toEqual([1]);
  });

  test("a batch to somebody unknown and somebody known: each item stands alone", async () => {
    const keys = [randomUUID(), randomUUID(), randomUUID()];
    const to = ["nobody-1", bob.name, "nobody-2"];
    const answers = Promise.all(keys.map((client_msg_id) => eves.take({ client_msg_id })));
    eves.send(keys.map((client_msg_id, i) => ({ type: "msg", to: to[i], content: "x", client_msg_id })));
    expect((await answers).map((frame) => frame["code"] ?? frame.type)).toEqual(["unknown_user", "ack", "unknown_user"]);
  });

  test("nobody can begin a direct conversation by its id", async () => {
    for (const id of [directId(eve.name, ann.name), directId(ann.name, "carl"), directId(eve.name, eve.name)]) {
      expect(await eves.ask({ type: "msg", ...message(id, randomUUID()) })).toMatchObject({ code: "not_found" });
      expect(codeOf(await service.call("GET", `/v1/admin/conversations/${id}/stats`))).toBe("404 not_found");
    }
    const begun = await ann.send(eve, "hello");
    expect(begun.conversation_id).toBe(directId(ann.name, eve.name));
    expect(await eves.ask({ type: "msg", ...message(begun.conversation_id, randomUUID()) })).toMatchObject({ type: "ack", seq: 2 });
    expect(await eves.ask({ type: "msg", to: ann.name, content: "x", client_msg_id: randomUUID() })).toMatchObject({ type: "ack", seq: 3 });
  });
});
