// The operator's side: settings that are checked, pinned and kept, users, metrics and what one conversation is doing.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DEFAULT_SETTINGS, SETTING_NAMES, type SettingsView } from "../../protocol/settings.ts";
import type { ConversationDetail } from "../../protocol/rest.ts";
import { StartEnded, startProduct, type Product } from "../product.ts";
import { codeOf, newUser, operator, request, statsOf, until, untilSettled, type Answer, type User } from "./api.ts";
import type { RawSocket } from "./raw-socket.ts";

const SETTINGS = "/v1/admin/settings";
let product: Product;
let service: User;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_SEAL_EVENTS: "300", CONFAB_SETTLE_AFTER_MS: "200" } });
  service = await operator(product);
});

afterAll(() => product.discard());

const read = async (): Promise<SettingsView> => (await service.call<SettingsView>("GET", SETTINGS)).body;
const change = (patch: unknown): Promise<Answer<SettingsView>> => service.call("PATCH", SETTINGS, patch);

/** How many of `count` messages in one text are acknowledged. */
async function accepted(socket: RawSocket, to: User, count: number): Promise<number> {
  const frames = Array.from({ length: count }, () => ({ type: "msg", to: to.name, content: "x", client_msg_id: randomUUID() }));
  const answers = Promise.all(frames.map(({ client_msg_id }) => socket.take({ client_msg_id })));
  socket.send(frames);
  return (await answers).filter((frame) => frame.type === "ack").length;
}

describe("settings", () => {
  test("each has its value and where it comes from", async () => {
    const view = await read();
    expect(Object.keys(view).toSorted()).toEqual([...SETTING_NAMES].toSorted());
    const pinned: Record<string, number> = { seal_events: 300, settle_after_ms: 200, seal_after_ms: 10_000 };
    for (const name of SETTING_NAMES) {
      const value = pinned[name];
      expect([name, view[name]]).toEqual([name, value === undefined ? { value: DEFAULT_SETTINGS[name], source: "default" } : { value, source: "environment" }]);
    }
  });

  test("only a service reads and changes them", async () => {
    const ann = await newUser(product, "ann");
    for (const method of ["GET", "PATCH"]) {
      expect(codeOf(await ann.raw(method, SETTINGS, method === "GET" ? {} : { body: "{}" }))).toBe("403 forbidden");
      expect(codeOf(await request(product.url + SETTINGS, method))).toBe("401 unauthorized");
    }
    for (const method of ["PUT", "POST", "DELETE"]) expect(codeOf(await service.raw(method, SETTINGS))).toBe("405 method_not_allowed");
  });

  test("a value out of bounds, an unknown name or no object changes nothing", async () => {
    const before = await read();
    const bad = [
      { rate_limit: -1 }, { rate_limit: 1.5 }, { rate_limit: "20" }, { rate_limit: null }, { rate_limit: [20] }, { rate_limit: 1_000_001 }, { seal_events: 0 },
      { hot_days: 3_651 }, { max_members: 1 }, { max_members: 501 }, { fanout_width: 0 }, { deliver_timeout_ms: 49 }, { unknown: 1 }, { rate_limit: 5, unknown: 1 },
      { rate_burst: 7, hot_days: -1 }, { RATE_LIMIT: 5 }, [], [1], null, 5, "rate_limit", true,
    ];
    for (const patch of bad) expect([patch, codeOf(await change(patch))]).toEqual([patch, "400 bad_request"]);
    for (const body of ["", "{", '{"rate_limit":1e400}', '{"rate_limit":NaN}', '{"__proto__":{"rate_limit":1}}']) {
      expect([body, codeOf(await service.raw("PATCH", SETTINGS, { body }))]).toEqual([body, "400 bad_request"]);
    }
    expect(codeOf(await service.raw("PATCH", SETTINGS, { body: " ".repeat(131_073) }))).toBe("413 frame_too_large");
    expect(await read()).toEqual(before);
  });

  test("what the environment sets is pinned: 409, and nothing else of the patch happens", async () => {
    const before = await read();
    for (const patch of [{ seal_events: 10 }, { seal_events: 300 }, { hot_days: 5, seal_events: 10 }]) {
      expect([patch, codeOf(await change(patch))]).toEqual([patch, "409 setting_pinned"]);
    }
    expect(await read()).toEqual(before);
  });

  test("a change counts at once, and 0 lifts the rate limit", async () => {
    const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
    expect((await change({ rate_burst: 3 })).body.rate_burst).toEqual({ value: 3, source: "stored" });
    expect(await accepted(await ann.socket(), bob, 10)).toBe(3);
    await change({ rate_limit: 0 });
    expect(await accepted(await ann.socket(), bob, 50)).toBe(50);
    await change({ rate_limit: 20, rate_burst: 0 });
    expect(await accepted(await bob.socket(), ann, 50)).toBe(50);
    await change({ rate_burst: 20 });
  });

  test("[B1] max_members 256 serves new groups, which may ask for fewer but not for more", async () => {
    const ann = await newUser(product, "ann");
    await change({ max_members: 256, rate_limit: 0 });
    const create = async (more: object): Promise<ConversationDetail> =>
      (await ann.call<ConversationDetail>("POST", "/v1/conversations", { kind: "group", title: "T", ...more })).body;
    expect((await create({})).max_members).toBe(256);
    expect((await create({ max_members: 10 })).max_members).toBe(10);
    expect((await create({ max_members: 500 })).max_members).toBe(256);
    const group = (await create({})).conversation_id;
    await change({ max_members: 2 });
    expect((await ann.call<ConversationDetail>("GET", `/v1/conversations/${group}`)).body.max_members).toBe(256);
    await change({ max_members: 500, rate_limit: 20 });
  });

  test("two changes at once both stand", async () => {
    await Promise.all([change({ hot_days: 11 }), change({ hot_events: 12 }), change({ fanout_width: 13 })]);
    expect(await read()).toMatchObject({ hot_days: { value: 11 }, hot_events: { value: 12 }, fanout_width: { value: 13 } });
  });

  test("[E9] they survive a restart and a kill", async () => {
    await change({ rate_limit: 20, rate_burst: 5, hot_days: 60 });
    const before = await read();
    await product.restart();
    expect(await read()).toEqual(before);
    await change({ rate_burst: 6 });
    await product.killTree();
    await product.restart();
    expect(await read()).toEqual({ ...before, rate_burst: { value: 6, source: "stored" } });
    const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
    expect(await accepted(await ann.socket(), bob, 10)).toBe(6);
    await change({ rate_burst: 20 });
  });
});

test.each([
  ["CONFAB_RATE_LIMIT", "lots"], ["CONFAB_RATE_LIMIT", "-1"], ["CONFAB_RATE_BURST", "2.5"], ["CONFAB_MAX_MEMBERS", "501"], ["CONFAB_SEAL_AFTER_MS", "1e400"],
  ["AUTH_SECRET", "a short secret"], ["JURISDICTION", "mars"],
])("a start with %s=%s is refused in one line", async (name, value) => {
  const started = await startProduct({ env: { [name]: value } }).catch((error: unknown) => error);
  if (!(started instanceof StartEnded)) throw new Error("it started");
  expect(started.output).toMatch(new RegExp(`^confab: ${name} (?:is out of bounds|must .+)$`));
  expect(started.output).not.toContain("short secret");
  expect(started.code).toBe(1);
});

describe("users", () => {
  test("PUT registers one, again and again", async () => {
    const ann = await newUser(product, "ann");
    const name = `put-${randomUUID()}`;
    for (const _time of [1, 2]) {
      const answer = await service.call("PUT", `/v1/admin/users/${name}`);
      expect([answer.status, answer.body]).toEqual([200, { user_id: name }]);
    }
    expect((await ann.call("POST", "/v1/messages", { to: name, content: "x", client_msg_id: "1" })).status).toBe(201);
    for (const bad of ["a%20b", "x".repeat(129), "%2f", "%00"]) expect(codeOf(await service.call("PUT", `/v1/admin/users/${bad}`))).toBe("404 not_found");
  });
});

describe("seen from outside", () => {
  test("metrics are counters, and sending moves them", async () => {
    const metrics = async (): Promise<Record<string, number>> => (await service.call<Record<string, number>>("GET", "/v1/admin/metrics")).body;
    const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
    const bobs = await bob.socket();
    const before = await metrics();
    const key = randomUUID();
    const { conversation_id } = await ann.send(bob, "x", { client_msg_id: key });
    await ann.send(bob, "x", { client_msg_id: key });
    await bobs.take({ type: "msg" });
    await untilSettled(service, conversation_id);
    const after = await metrics();
    const moved = (name: string): number => (after[name] ?? 0) - (before[name] ?? 0);
    for (const [name, value] of Object.entries(after)) expect([name, Number.isSafeInteger(value) && value >= 0]).toEqual([name, true]);
    expect([moved("appended_events"), moved("duplicates")]).toEqual([1, 1]);
    for (const name of ["rows_written", "delivery_calls", "frames_out", "settles", "wakes_conversation"]) expect([name, moved(name) > 0]).toEqual([name, true]);
  });

  test("a conversation's stats: order, fan-out, archive and what they cost", async () => {
    const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
    const { conversation_id } = await ann.send(bob, "1");
    const first = await untilSettled(service, conversation_id);
    expect(first).toMatchObject({ mode: "write", epoch: 1, head_seq: 1, fanout_seq: 1, archived_seq: 0, pruned_seq: 0, sealed_seq: 0, lagging: 0, members: 2 });
    for (const name of ["rows_written", "deliveries", "delivery_calls", "wakes"] as const) expect(first[name]).toBeGreaterThan(0);
    for (const content of ["2", "3", "4"]) await ann.send(bob, content);
    const second = await untilSettled(service, conversation_id);
    expect(second).toMatchObject({ head_seq: 4, fanout_seq: 4 });
    expect(second.rows_written).toBeGreaterThan(first.rows_written);
    expect(second.deliveries).toBeGreaterThan(first.deliveries);
    await product.restart();
    const third = await until(() => statsOf(service, conversation_id), (stats) => stats.head_seq === 4);
    expect(third.wakes).toBeGreaterThan(second.wakes);
    expect(third.rows_written).toBeGreaterThan(0);
  });

  test("of an absent conversation, or of none, there are no stats", async () => {
    for (const id of [`g.${"0".repeat(32)}`, `d.${"0".repeat(64)}`, "general", "..", "%00"]) {
      expect([id, codeOf(await service.call("GET", `/v1/admin/conversations/${id}/stats`))]).toEqual([id, "404 not_found"]);
    }
  });
});
