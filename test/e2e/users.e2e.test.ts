// People, over the started product: profiles and handles, finding somebody, many at once, and who is let in.
import { randomUUID } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Account, Found, PublicProfile } from "../../protocol/users.ts";
import { startProduct, type Product } from "../product.ts";
import { codeOf, errorOf, newUser, operator, until, User, type Answer } from "./api.ts";

let product: Product;
let service: User;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  service = await operator(product);
});

afterAll(() => product.discard());

const unique = (): string => randomUUID().slice(0, 8);
const patch = (user: User, body: unknown): Promise<Answer<Account>> => user.call<Account>("PATCH", "/v1/users/me", body);
const find = async (user: User, q: string): Promise<Found[]> => {
  const answer = await user.call<{ users: Found[] }>("GET", `/v1/users?q=${encodeURIComponent(q)}`);
  if (answer.status !== 200) throw new Error(codeOf(answer));
  return answer.body.users;
};
const names = (found: readonly Found[]): string[] => found.map(({ user_id }) => user_id);
/** Finds as somebody new each time: a search has a quota. */
const untilFound = (q: string, wanted: readonly string[]): Promise<Found[]> =>
  until(async () => find(await newUser(product, "seeker"), q), (found) => JSON.stringify(names(found)) === JSON.stringify(wanted));

describe("profile", () => {
  test("[U1] what was set is there for everybody, but what is one's own", async () => {
    const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
    const handle = `h-${unique()}`;
    const set = await patch(ann, { name: "  Ann Ünal ", handle: handle.toUpperCase(), avatar_key: "m/1", custom: { team: "red", n: [1, { x: null }] }, hide_last_seen: true });
    expect([set.status, set.body]).toEqual([200, {
      user_id: ann.name, name: "Ann Ünal", handle, avatar_key: "m/1", custom: { team: "red", n: [1, { x: null }] }, hide_last_seen: true, discoverable: true,
      registered_at: expect.any(Number),
    }]);
    const seen = await bob.call<PublicProfile>("GET", `/v1/users/${ann.name}`);
    expect(seen.body).toEqual({ user_id: ann.name, name: "Ann Ünal", handle, avatar_key: "m/1", custom: { team: "red", n: [1, { x: null }] } });
    await patch(ann, { name: null, custom: {} });
    expect((await bob.call<PublicProfile>("GET", `/v1/users/${ann.name}`)).body).toEqual({ user_id: ann.name, name: null, handle, avatar_key: "m/1", custom: {} });
    expect((await ann.call<Account>("GET", "/v1/users/me")).body).toMatchObject({ name: null, handle, hide_last_seen: true });
    expect((await service.call<PublicProfile>("GET", `/v1/users/${ann.name}`)).body.handle).toBe(handle);
    expect(codeOf(await bob.call("GET", `/v1/users/nobody-${unique()}`))).toBe("404 unknown_user");
  });

  test("[U2] a bad field changes nothing", async () => {
    const ann = await newUser(product, "ann");
    const bad = [
      { name: "" }, { name: "   " }, { name: "x".repeat(257) }, { name: "é".repeat(129) }, { name: "a\u0000b" }, { name: "\uD800" }, { name: 5 }, { name: ["x"] },
      { handle: "ab" }, { handle: "a".repeat(33) }, { handle: "-abc" }, { handle: "abc." }, { handle: "a b c" }, { handle: "äbc" }, { handle: "service" }, { handle: "SERVICE" },
      { avatar_key: "" }, { avatar_key: "x".repeat(513) }, { custom: null }, { custom: [] }, { custom: "x" }, { custom: { x: "y".repeat(4_090) } },
      { hide_last_seen: 1 }, { discoverable: null }, { role: "admin" }, { user_id: "bob" }, { deactivated_at: null }, { name: "good", handle: "no" }, [], null, 1, "x",
    ];
    const answers = [];
    for (const body of bad) {
      answers.push([body, codeOf(await patch(ann, body))]);
    }
    expect(answers).toEqual(bad.map((body) => [body, "400 bad_request"]));
    expect((await ann.call<Account>("GET", "/v1/users/me")).body).toMatchObject({ name: null, handle: null, avatar_key: null, custom: {} });
    expect((await patch(ann, { custom: { x: "y".repeat(4_088) } })).status).toBe(200);
    const deep = `{"custom":{"x":${"[".repeat(2_000)}${"]".repeat(2_000)}}}`;
    expect((await ann.raw<Account>("PATCH", "/v1/users/me", { body: deep })).status).toBe(200);
    expect((await service.call<Account>("GET", `/v1/admin/users/${ann.name}`)).text).toContain("[".repeat(2_000));
    const proto = await ann.raw<Account>("PATCH", "/v1/users/me", { body: '{"custom":{"__proto__":{"x":1},"constructor":1}}' });
    expect([proto.status, proto.text.includes('"custom":{"__proto__":{"x":1},"constructor":1}')]).toEqual([200, true]);
  });

  test("[U3] a handle is one user's: ten who want it at once, one gets it; given up, the next may have it", async () => {
    const handle = `one-${unique()}`;
    const people = await Promise.all(Array.from({ length: 10 }, () => newUser(product, "want")));
    const answers = await Promise.all(people.map((one) => patch(one, { handle })));
    expect(answers.map(codeOf).toSorted()).toEqual([...Array.from({ length: 9 }, () => "409 handle_taken"), "200 without a code"].toSorted((a, b) => (a < b ? -1 : 1)));
    const winner = people[answers.findIndex(({ status }) => status === 200)] as User;
    const loser = people.find((one) => one !== winner) as User;
    expect((await loser.call<Account>("GET", "/v1/users/me")).body.handle).toBe(null);
    expect(names(await find(loser, `@${handle}`))).toEqual([winner.name]);
    await patch(winner, { handle: null });
    await until(() => patch(loser, { handle }), ({ status }) => status === 200);
    expect(names(await find(loser, `@${handle.toUpperCase()}`))).toEqual([loser.name]);
  });

  test("[U3] one's own handle changes five times, and then once an hour; what is refused does not count", async () => {
    const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
    const taken = `taken-${unique()}`;
    await patch(bob, { handle: taken });
    for (let i = 0; i < 10; i += 1) expect(codeOf(await patch(ann, { handle: taken }))).toBe("409 handle_taken");
    for (let i = 0; i < 5; i += 1) expect((await patch(ann, { handle: `many-${i}-${unique()}` })).status).toBe(200);
    const sixth = await patch(ann, { handle: `many-6-${unique()}` });
    expect([codeOf(sixth), (errorOf(sixth).retry_after_ms ?? 0) > 3_000_000]).toEqual(["429 rate_limited", true]);
    // What it had got before it was told so is given back.
    const sixthHandle = `sixth-${unique()}`;
    expect(codeOf(await patch(ann, { handle: sixthHandle }))).toBe("429 rate_limited");
    await until(() => patch(bob, { handle: sixthHandle }), ({ status }) => status === 200);
    for (let i = 0; i < 8; i += 1) await patch(ann, { handle: taken });
    expect(codeOf(await patch(ann, { handle: taken }))).toBe("429 rate_limited");
    expect((await service.call<{ results: object[] }>("POST", "/v1/admin/users", { users: [{ user_id: ann.name, handle: `by-service-${unique()}` }] })).body.results)
      .toEqual([{ user_id: ann.name, created: false }]);
  });
});

describe("finding people", () => {
  test("[U4] by the beginnings of words, without accents and case; by a handle; never who opted out or is deactivated", async () => {
    const mark = unique();
    const [ann, anna, hidden, gone] = await Promise.all(["ann", "anna", "hid", "gone"].map((one) => newUser(product, one))) as [User, User, User, User];
    await patch(ann, { name: `Zoë z${mark} Ünal`, handle: `zoe-${mark}` });
    await patch(anna, { name: `Z${mark.toUpperCase()}x`, avatar_key: "m/2" });
    await patch(hidden, { name: `z${mark}`, handle: `hid-${mark}`, discoverable: false });
    await patch(gone, { name: `z${mark}` });
    await service.call("POST", `/v1/admin/users/${gone.name}/deactivate`);
    expect(await untilFound(`z${mark}`, [ann.name, anna.name])).toEqual([
      { user_id: ann.name, name: `Zoë z${mark} Ünal`, handle: `zoe-${mark}`, avatar_key: null },
      { user_id: anna.name, name: `Z${mark.toUpperCase()}x`, handle: null, avatar_key: "m/2" },
    ]);
    const seeker = await newUser(product, "seeker");
    expect(names(await find(seeker, `unal Z${mark.slice(0, 6)} zoe`))).toEqual([ann.name]);
    expect(names(await find(seeker, `z${mark} nobody`))).toEqual([]);
    expect(names(await find(seeker, `@zoe-${mark}`))).toEqual([ann.name]);
    for (const q of [`@hid-${mark}`, "@", "@@", "@x", `@${"a".repeat(200)}`]) expect([q, await find(seeker, q)]).toEqual([q, []]);
  });

  test("[U4] what changes is found anew, and no longer as before", async () => {
    const [before, after] = [`b${unique()}`, `a${unique()}`];
    const ann = await newUser(product, "ann");
    await patch(ann, { name: before });
    await untilFound(before, [ann.name]);
    await patch(ann, { name: after });
    await untilFound(after, [ann.name]);
    await untilFound(before, []);
    await patch(ann, { discoverable: false });
    await untilFound(after, []);
    await patch(ann, { discoverable: true, name: `${after} 李明` });
    expect(names(await untilFound(after, [ann.name]))).toEqual([ann.name]);
    await until(async () => names(await find(await newUser(product, "seeker"), "李")), (found) => found.includes(ann.name));
    await service.call("POST", `/v1/admin/users/${ann.name}/deactivate`);
    await untilFound(after, []);
    await service.call("POST", `/v1/admin/users/${ann.name}/reactivate`);
    await untilFound(after, [ann.name]);
  });

  test("[U5] a search has a quota of its own: ten at once, then five a second, and only so many a day", async () => {
    const ann = await newUser(product, "ann");
    const answers = await Promise.all(Array.from({ length: 25 }, () => ann.call("GET", "/v1/users?q=zz")));
    const codes = answers.map(codeOf);
    expect(codes.filter((code) => code.startsWith("200")).length).toBeLessThanOrEqual(12);
    expect(codes.filter((code) => code.startsWith("200")).length).toBeGreaterThanOrEqual(10);
    expect(codes.filter((code) => !code.startsWith("200") && code !== "429 rate_limited")).toEqual([]);
    expect(codes.includes("429 rate_limited")).toBe(true);
    await service.call("PATCH", "/v1/admin/settings", { searches_per_day: 3 });
    const bob = await newUser(product, "bob");
    const few = await Promise.all(Array.from({ length: 5 }, () => bob.call("GET", "/v1/users?q=zz")));
    expect(few.map(codeOf).filter((code) => code.startsWith("200"))).toHaveLength(3);
    expect((errorOf(few.find(({ status }) => status === 429) as Answer).retry_after_ms ?? 0) > 20_000_000).toBe(true);
    await service.call("PATCH", "/v1/admin/settings", { searches_per_day: 1_000 });
  });

  test("[U5] a search that can't be one is refused", async () => {
    for (const q of ["", " ", "a", "!", "!!!!", "x".repeat(257), "e\u0301"]) {
      const ann = await newUser(product, "ann");
      expect([q, codeOf(await ann.call("GET", `/v1/users?q=${encodeURIComponent(q)}`))]).toEqual([q, "400 bad_request"]);
    }
    const bob = await newUser(product, "bob");
    for (const query of ["", "?p=ann"]) expect([query, (await bob.call("GET", `/v1/users${query}`)).status]).toEqual([query, 400]);
    expect(codeOf(await service.call("GET", "/v1/users?q=ann"))).toBe("403 forbidden");
  });
});

describe("who is let in", () => {
  test("[U6] revoking closes every socket within a second and refuses every older token everywhere; a newer one is good", async () => {
    const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
    const sockets = await Promise.all([ann.socket({ device_id: "a" }), ann.socket({ device_id: "b" })]);
    await ann.send(bob, "before");
    const { user_seq } = (await ann.call<{ user_seq: number }>("GET", "/v1/poll?wait=0&user_seq=0&device_id=c")).body;
    const held = ann.call("GET", `/v1/poll?wait=25000&user_seq=${user_seq}&device_id=c`);
    const begun = Date.now();
    const revoked = await service.call<Account>("POST", `/v1/admin/users/${ann.name}/revoke`);
    expect(revoked.status).toBe(200);
    for (const socket of sockets) expect((await socket.closing()).code).toBe(4001);
    expect(codeOf(await held)).toBe("401 unauthorized");
    expect(Date.now() - begun).toBeLessThan(1_000);
    expect(codeOf(await ann.call("GET", "/v1/conversations"))).toBe("401 unauthorized");
    expect(codeOf(await ann.call("POST", "/v1/messages", { to: bob.name, content: "x", client_msg_id: "x" }))).toBe("401 unauthorized");
    await expect(ann.socket()).rejects.toThrow(/401/);
    const again = new User(product, ann.name, await until(async () => product.token(ann.name), (token) => issuedAt(token) >= revoked.body.revoked_before));
    expect((await again.call("GET", "/v1/conversations")).status).toBe(200);
    const socket = await again.socket();
    socket.send({ type: "auth_refresh", token: ann.token });
    expect(await socket.take({ type: "error" })).toMatchObject({ code: "unauthorized" });
    expect(socket.open).toBe(true);
    await product.killTree();
    await product.restart();
    expect(codeOf(await ann.call("GET", "/v1/conversations"))).toBe("401 unauthorized");
    expect((await again.call("GET", "/v1/conversations")).status).toBe(200);
  });

  test("[U7] who is deactivated is out until reactivated, is told so, and can still be written to", async () => {
    const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
    const socket = await ann.socket();
    await patch(ann, { name: "Ann" });
    await bob.send(ann, "hello");
    const watching = await bob.socket();
    watching.send({ type: "presence_sub", users: [ann.name] });
    await until(async () => watching.frames.some((frame) => frame.type === "presence" && frame["status"] === "ONLINE"), (there) => there);
    expect((await service.call<Account>("POST", `/v1/admin/users/${ann.name}/deactivate`)).body.deactivated_at).toEqual(expect.any(Number));
    expect((await socket.closing()).code).toBe(4001);
    expect(await watching.take({ type: "presence", status: "OFFLINE" })).toMatchObject({ user_id: ann.name });
    expect(codeOf(await ann.call("GET", "/v1/conversations"))).toBe("403 deactivated");
    await expect(ann.socket()).rejects.toThrow(/403/);
    // Another token of the development issuer changes nothing.
    const other = new User(product, ann.name, await product.token(ann.name));
    expect(codeOf(await other.call("PATCH", "/v1/users/me", { name: "x" }))).toBe("403 deactivated");
    expect((await bob.call<PublicProfile>("GET", `/v1/users/${ann.name}`)).body).toMatchObject({ name: "Ann", deactivated: true });
    const { conversation_id } = await bob.send(ann, "still here");
    expect((await service.call<Account>("POST", `/v1/admin/users/${ann.name}/reactivate`)).body.deactivated_at).toBe(null);
    expect((await ann.history(conversation_id)).map((event) => event.type === "msg" && event.content)).toEqual(["hello", "still here"]);
  });

  test("[U6] [U7] no route lets a revoked or deactivated user in", async () => {
    const [revoked, out] = [await newUser(product, "revoked"), await newUser(product, "out")];
    await service.call("POST", `/v1/admin/users/${revoked.name}/revoke`);
    await service.call("POST", `/v1/admin/users/${out.name}/deactivate`);
    const routes = globSync("workers/**/*.ts").flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(/\b\w+\.(get|post|put|patch|delete)\("(\/[^"]+)"/g)].map(([, method = "", route = ""]) => [method.toUpperCase(), route] as const));
    const open = new Set(["/v1/health", "/dev/token", "/v1/ws"]);
    const mine = routes.filter(([, route]) => !open.has(route) && !/^\/(v1\/admin|internal)\//.test(route));
    expect(mine.length).toBeGreaterThan(20);
    for (const [method, route] of mine) {
      const path = route.replace(":conversation_id", `g.${"0".repeat(32)}`).replace(":msg_id", "01900000-0000-7000-8000-000000000000").replaceAll(/:\w+/g, "x");
      // A draft that is none: a good one would be refused as well, and a bad one must not be told why.
      const asked = async (who: User) => codeOf(await who.raw(method, path, method === "GET" ? {} : { body: "{" }));
      expect([method, route, await asked(revoked), await asked(out)]).toEqual([method, route, "401 unauthorized", "403 deactivated"]);
    }
  });

  test("[U6] only a service does it, to a registered user, and not into the future", async () => {
    const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
    for (const act of ["deactivate", "reactivate", "revoke"]) {
      expect(codeOf(await ann.call("POST", `/v1/admin/users/${bob.name}/${act}`))).toBe("403 forbidden");
      expect(codeOf(await service.call("POST", `/v1/admin/users/nobody-${unique()}/${act}`))).toBe("404 unknown_user");
      expect(codeOf(await service.call("POST", `/v1/admin/users/service/${act}`))).toBe("404 not_found");
    }
    for (const before of [-1, 1.5, "1", null, Math.floor(Date.now() / 1_000) + 600]) {
      expect([before, codeOf(await service.call("POST", `/v1/admin/users/${bob.name}/revoke`, { before }))]).toEqual([before, "400 bad_request"]);
    }
    expect((await bob.call("GET", "/v1/conversations")).status).toBe(200);
  });

  test("[U8] nobody is the service", async () => {
    const ann = await newUser(product, "ann");
    await expect(product.token("service")).rejects.toThrow();
    expect(codeOf(await service.call("PUT", "/v1/admin/users/service"))).toBe("404 not_found");
    expect(codeOf(await service.call("POST", "/v1/admin/users", { users: [{ user_id: "service" }] }))).toBe("400 bad_request");
    expect(codeOf(await ann.call("POST", "/v1/messages", { to: "service", content: "x", client_msg_id: "x" }))).toBe("404 unknown_user");
    expect(codeOf(await ann.call("POST", "/v1/conversations", { kind: "group", title: "T", members: ["service"] }))).toBe("404 unknown_user");
    expect(codeOf(await ann.call("GET", "/v1/users/service"))).toBe("404 not_found");
    expect(codeOf(await ann.call("PUT", "/v1/blocks/service"))).toBe("404 not_found");
  });
});

function issuedAt(token: string): number {
  return (JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { iat: number }).iat;
}
