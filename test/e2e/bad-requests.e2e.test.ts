// Requests that no good client makes: bodies, methods, paths, queries and cursors. Each gets its typed error as JSON.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ERRORS } from "../../protocol/errors.ts";
import { startProduct, type Product } from "../product.ts";
import { codeOf, newUser, operator, statsOf, until, type User } from "./api.ts";
import { BAD_FRAMES } from "./bad-frames.ts";

let product: Product;
let ann: User;
let bob: User;
let conversation: string;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  [ann, bob] = await Promise.all([newUser(product, "ann"), newUser(product, "bob")]);
  conversation = (await ann.send(bob, "the only one")).conversation_id;
});

afterAll(() => product.discard());

afterEach(async () => {
  expect((await statsOf(await operator(product), conversation)).head_seq).toBe(1);
});

describe("bad bodies over REST", () => {
  const bodies: readonly (readonly [string, string | Buffer, string])[] = [
    ["empty", "", "400 bad_request"], ["no JSON", "{", "400 bad_request"], ["a byte order mark", "\uFEFF{}", "400 bad_request"],
    ["invalid UTF-8", Buffer.from([0x22, 0xff, 0x22]), "400 bad_request"], ["null", "null", "400 bad_frame"], ["a list", "[]", "400 bad_frame"],
    ["a number", "7", "400 bad_frame"], ["{}", "{}", "400 bad_frame"], ["another frame's type", '{"type":"resume","cursors":{}}', "400 bad_request"],
    ["an unknown type", '{"type":"shout"}', "400 unknown_type"], ["200,000 bytes", "x".repeat(200_000), "413 frame_too_large"],
  ];
  test.each(bodies)("POST /v1/messages: %s", async (_name, body, code) => {
    expect(codeOf(await ann.raw("POST", "/v1/messages", { body: body as BodyInit }))).toBe(code);
  });

  test("POST /v1/messages refuses what a socket refuses", async () => {
    const messages = BAD_FRAMES.map(([name, text, code]) => [name, text({ to: bob.name, conversation_id: conversation }), code] as const)
      // The runtime replaces invalid UTF-8 in a text message only: in a body a U+FFFD is what was sent.
      .filter(([name, text]) => text.startsWith('{"type":"msg"') && !name.startsWith("a raw U+FFFD"));
    expect(messages.length).toBeGreaterThan(40);
    for (const [name, body, code] of messages) {
      const answer = codeOf(await ann.raw("POST", "/v1/messages", { body }));
      expect([name, answer]).toEqual([name, isJson(body) ? `${ERRORS[code].http} ${code}` : "400 bad_request"]);
    }
  });

  test.each([
    ["POST", "/v1/conversations", ["", "{", "null", "[]", "{}", '{"kind":"direct","title":"T"}', '{"kind":"group"}', '{"kind":"group","title":"  "}',
      '{"kind":"group","title":"\\ud800"}', `{"kind":"group","title":"${"é".repeat(257)}"}`, '{"kind":"group","title":5}',
      '{"kind":"group","title":"T","members":"ann"}', '{"kind":"group","title":"T","members":["a b"]}', '{"kind":"group","title":"T","members":[null]}',
      ...["1", "501", "-5", "2.5", "1e400", '"20"', "null"].map((number) => `{"kind":"group","title":"T","max_members":${number}}`),
      '{"kind":"group","title":"T","jurisdiction":"us"}', '{"kind":"group","title":"T","location_hint":"moon"}', '{"kind":"group","title":"T","client_msg_id":"a b"}']],
    ["POST", "/dev/token", ["", "{}", "null", '{"user_id":"a b"}', '{"user_id":1}', '{"user_id":"a","ttl_s":0}', '{"user_id":"a","ttl_s":3601}',
      '{"user_id":"a","ttl_s":1.5}', '{"user_id":"a","scope":"archive"}', '{"user_id":"a","scope":"admin"}']],
  ] as const)("%s %s", async (method, path, wrong) => {
    for (const body of wrong) expect([body, codeOf(await ann.raw(method, path, { body }))]).toEqual([body, "400 bad_request"]);
  });
});

test("wrong methods are 405 and say which are right; unknown paths are 404; all in JSON", async () => {
  const history = `/v1/history/${conversation}`;
  const wrong = [
    ["GET", "/v1/messages", "POST"], ["DELETE", "/v1/messages", "POST"], ["POST", history, "GET"], ["PUT", "/v1/conversations", "GET, POST"],
    ["DELETE", `/v1/conversations/${conversation}`, "GET, PATCH"], ["POST", `/v1/conversations/${conversation}/members/x`, "DELETE, PUT"], ["POST", "/v1/ws", "GET"],
    ["GET", "/dev/token", "POST"],
  ] as const;
  for (const [method, path, allowed] of wrong) {
    const answer = await ann.raw(method, path);
    expect([method, path, codeOf(answer), answer.headers.get("allow")]).toEqual([method, path, "405 method_not_allowed", allowed]);
  }
  const absent = [
    "/v1", "/v1/", "/v1/nothing", "/v2/conversations", "/V1/conversations", "/v1/conversations/", `${history}/`, `/v1//history/${conversation}`, "/v1/history/", "/v1/history",
    "/v1/history/..%2f..%2fadmin%2fsettings", `${history}%00`, `${history}%0a`, "/v1/history/%ff", "/v1/history/%", "/v1/history/__proto__", "/api/nothing",
    "/internal/nothing", "/.env", "/wrangler.toml", "/..%2f..%2fetc%2fpasswd", "/worker/index.js",
  ];
  for (const path of absent) {
    const answer = await ann.raw("GET", path);
    expect([path, codeOf(answer)]).toEqual([path, "404 not_found"]);
    expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
  }
  expect(codeOf(await ann.raw("GET", "/v1/ws"))).toBe("426 upgrade_required");
});

test("bad query values are 400 and never another page", async () => {
  const history = `/v1/history/${conversation}`;
  const bad = [
    "/v1/conversations?limit=101",
    ...["0", "1001", "-1", "1e3", "1.5", "", "ten", "0x10", "+5", "%2050", "99999", "NaN", "Infinity"].flatMap((limit) => [`${history}?limit=${limit}`, `/v1/conversations?limit=${limit}`]),
    ...["ASC", "up", "", "asc,desc"].map((order) => `${history}?order=${order}`),
    ...["-1", "abc", "1.5", "1e12", "", "9999999999999999", "2026-11-22"].flatMap((time) => [`${history}?from=${time}`, `${history}?to=${time}`]),
    ...["-1", "abc", "", "1.5", "01a201c0-d726-7000-9785", "01a201c0-d726-4000-9785-2b0d43b2b9c5", "9999999999999999"].map((after) => `${history}?after=${after}`),
    ...["gif", "IMAGE", "", "text,image", "__proto__"].map((type) => `${history}?content_type=${type}`), `${history}?after=1&order=desc`,
  ];
  for (const path of bad) expect([path, codeOf(await ann.raw("GET", path))]).toEqual([path, "400 bad_request"]);
});

test("a foreign or altered cursor is 400 bad_cursor", async () => {
  const more = await Promise.all([0, 1, 2].map(() => ann.group([bob])));
  await until(async () => (await ann.call<{ conversations: object[] }>("GET", "/v1/conversations")).body.conversations.length, (length) => length === 4);
  for (const { conversation_id } of more) for (const content of ["a", "b", "c"]) await ann.send(conversation_id, content);
  const [first, second] = more.map(({ conversation_id }) => `/v1/history/${conversation_id}`) as [string, string];
  const cursorOf = async (user: User, path: string): Promise<string> => {
    const cursor = (await user.call<{ next_cursor: string | null }>("GET", `${path}limit=1`)).body.next_cursor;
    if (cursor === null) throw new Error("there is no second page");
    return cursor;
  };
  const use = async (user: User, path: string, cursor: string): Promise<string> => codeOf(await user.call("GET", `${path}limit=1&cursor=${encodeURIComponent(cursor)}`));
  const altered = (cursor: string): string[] => [
    "", "x", "null", "0", `${cursor}x`, `${cursor}_x`, `${cursor}.0`, `0${cursor}`, ` ${cursor}`, `${cursor} `, cursor.slice(1), cursor.slice(0, -1), cursor.toUpperCase(),
    cursor.replace(/\d/, (digit) => String((Number(digit) + 1) % 10)), cursor.replace(/.$/, (end) => (end === "0" ? "1" : "0")), "x".repeat(512),
  ].filter((other) => other !== cursor);

  const desc = await cursorOf(ann, `${first}?`);
  expect(await use(ann, `${first}?`, desc)).toBe("200 without a code");
  for (const cursor of altered(desc)) expect([cursor, await use(ann, `${first}?`, cursor)]).toEqual([cursor, "400 bad_cursor"]);
  const foreign = [
    [ann, `${second}?`, desc], [ann, `${first}?order=asc&`, desc], [ann, `${first}?content_type=text&`, desc], [ann, `${first}?from=1&`, desc],
    [ann, `${first}?after=1&`, desc], [bob, `${first}?`, desc], [ann, "/v1/conversations?", desc], [ann, `${first}?order=desc&to=9999999999999&`, desc],
  ] as const;
  for (const [user, path, cursor] of foreign) expect([path, await use(user, path, cursor)]).toEqual([path, "400 bad_cursor"]);

  const list = await cursorOf(ann, "/v1/conversations?");
  expect(await use(ann, "/v1/conversations?", list)).toBe("200 without a code");
  for (const cursor of altered(list)) expect([cursor, await use(ann, "/v1/conversations?", cursor)]).toEqual([cursor, "400 bad_cursor"]);
  expect(await use(bob, "/v1/conversations?", list)).toBe("400 bad_cursor");
  expect(await use(ann, `${first}?`, list)).toBe("400 bad_cursor");
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
