// Groups over REST: creating them, who may add and remove whom, where they are full, and what those see who come and go.
import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Event } from "../../protocol/events.ts";
import type { ConversationDetail } from "../../protocol/rest.ts";
import { startProduct, type Product } from "../product.ts";
import { codeOf, newUser, operator, statsOf, until, untilSettled, type Answer, type User } from "./api.ts";
import type { RawSocket } from "./raw-socket.ts";

let product: Product;
let service: User;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_SETTLE_AFTER_MS: "200" } });
  service = await operator(product);
});

afterAll(() => product.discard());

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const users = (prefix: string, count: number): Promise<User[]> => Promise.all(range(count).map(() => newUser(product, prefix)));
const put = (actor: User, group: string, user: string, body?: object): Promise<Answer> => actor.call("PUT", `/v1/conversations/${group}/members/${user}`, body);
const remove = (actor: User, group: string, user: string): Promise<Answer> => actor.call("DELETE", `/v1/conversations/${group}/members/${user}`);
const rolesOf = async (reader: User, group: string): Promise<Record<string, string>> => {
  const { body } = await reader.call<ConversationDetail>("GET", `/v1/conversations/${group}`);
  return Object.fromEntries(body.members.map(({ user_id, role }) => [user_id, role]));
};
const listed = async (user: User): Promise<string[]> =>
  (await user.call<{ conversations: { conversation_id: string }[] }>("GET", "/v1/conversations")).body.conversations.map((row) => row.conversation_id);
const typesOf = (events: readonly Event[]): string[] => events.map((event) => `${event.seq} ${event.type}`);

describe("creating a group", () => {
  test("[A1] its members and roles stand, its first event is seq 1, and everybody hears of it", async () => {
    const [ann, bob, cid] = await users("user", 3) as [User, User, User];
    const socket = await bob.socket();
    const { status, body } = await ann.call<ConversationDetail>("POST", "/v1/conversations", { kind: "group", title: " Trip ", members: [bob.name, cid.name, bob.name, ann.name] });
    expect(status).toBe(201);
    expect(body).toMatchObject({ kind: "group", title: "Trip", epoch: 1, head_seq: 1, max_members: 500, location_hint: null, jurisdiction: null });
    expect(body.conversation_id).toMatch(/^g\.[0-9a-f]{32}$/);
    expect(await rolesOf(cid, body.conversation_id)).toEqual({ [ann.name]: "owner", [bob.name]: "member", [cid.name]: "member" });
    expect(await socket.take({ type: "created" })).toMatchObject({ seq: 1, conversation_id: body.conversation_id, sender_id: ann.name, title: "Trip" });
    for (const user of [ann, bob, cid]) await until(() => listed(user), (ids) => ids.includes(body.conversation_id));
    socket.cut();
  });

  test("an unknown member: unknown_user, and nothing is written", async () => {
    const [ann, bob] = await users("user", 2) as [User, User];
    const key = randomUUID();
    const create = (members: string[]): Promise<Answer<ConversationDetail>> => ann.call("POST", "/v1/conversations", { kind: "group", title: "T", members, client_msg_id: key });
    expect(codeOf(await create([bob.name, "nobody-at-all"]))).toBe("404 unknown_user");
    // The id that this creation would have had.
    const id = `g.${createHash("sha256").update(`${ann.name.length}:${ann.name}:${key}`).digest("hex").slice(0, 32)}`;
    expect(codeOf(await service.call("GET", `/v1/admin/conversations/${id}/stats`))).toBe("404 not_found");
    expect([await listed(ann), await listed(bob)]).toEqual([[], []]);
    expect((await create([bob.name])).body.conversation_id).toBe(id);
  });

  test("[A5] the same client_msg_id, ten times at once and again later, is one group; another user's is another", async () => {
    const [ann, bob] = await users("user", 2) as [User, User];
    const key = randomUUID();
    const create = (user: User, title: string): Promise<Answer<ConversationDetail>> => user.call("POST", "/v1/conversations", { kind: "group", title, client_msg_id: key });
    const answers = await Promise.all(range(10).map((i) => create(ann, `title ${i}`)));
    expect(answers.map(codeOf).toSorted()).toEqual([...range(9).map(() => "200 without a code"), "201 without a code"]);
    const first = (answers[0] as Answer<ConversationDetail>).body;
    expect(new Set(answers.map(({ body }) => `${body.conversation_id} ${body.title}`)).size).toBe(1);
    expect((await create(ann, "later")).body).toMatchObject({ conversation_id: first.conversation_id, title: first.title });
    expect((await create(bob, "bob's")).body.conversation_id).not.toBe(first.conversation_id);
    expect(typesOf(await ann.history(first.conversation_id))).toEqual(["1 created"]);
  });

  test("[D17] location_hint and jurisdiction are kept, returned and can't be changed", async () => {
    const ann = await newUser(product, "ann");
    const place = { location_hint: "weur", jurisdiction: "eu" };
    const { conversation_id, ...created } = await ann.group([], place);
    expect(created).toMatchObject(place);
    expect(conversation_id).toMatch(/^g\.eu\.[0-9a-f]{32}$/);
    for (const change of [{ jurisdiction: "fedramp" }, { location_hint: "apac" }, { title: "T", location_hint: "apac" }, { max_members: 10 }, {}]) {
      expect(codeOf(await ann.call("PATCH", `/v1/conversations/${conversation_id}`, change))).toBe("400 bad_request");
    }
    expect((await ann.call("PATCH", `/v1/conversations/${conversation_id}`, { title: "New" })).body).toMatchObject({ ...place, title: "New" });
    expect((await ann.history(conversation_id))[0]).toMatchObject({ type: "created", ...place });
    // The object is found under the whole id only.
    expect(codeOf(await ann.call("GET", `/v1/conversations/${conversation_id.replace("g.eu.", "g.")}`))).toBe("404 not_found");
  });
});

describe("a full group", () => {
  test("[A2] 499 members and the creator fit; at 495, ten adds at once never exceed 500; the 501st is group_full", async () => {
    const ann = await newUser(product, "ann");
    const names = range(505).map((i) => `many-${i}`);
    for (let start = 0; start < names.length; start += 50) {
      await Promise.all(names.slice(start, start + 50).map((name) => service.call("PUT", `/v1/admin/users/${name}`)));
    }
    const body = { kind: "group", title: "T" };
    expect(codeOf(await ann.call("POST", "/v1/conversations", { ...body, members: names.slice(0, 500) }))).toBe("409 group_full");
    const full = await ann.call<ConversationDetail>("POST", "/v1/conversations", { ...body, members: names.slice(0, 499) });
    expect([full.status, full.body.members.length]).toEqual([201, 500]);
    expect(codeOf(await put(ann, full.body.conversation_id, names[500] as string))).toBe("409 group_full");

    const group = (await ann.call<ConversationDetail>("POST", "/v1/conversations", { ...body, members: names.slice(0, 494) })).body.conversation_id;
    const adds = await Promise.all(names.slice(495).map((name) => put(ann, group, name)));
    expect(adds.map(codeOf).toSorted()).toEqual([...range(5).map(() => "201 without a code"), ...range(5).map(() => "409 group_full")]);
    expect(await statsOf(service, group)).toMatchObject({ members: 500, head_seq: 6 });
    expect((await put(ann, group, names[0] as string)).status).toBe(200);
  });

  test("[B1] a preset of 256 refuses the 257th, and a creation that is over its own preset", async () => {
    const ann = await newUser(product, "ann");
    const create = (members: number, max_members: number): Promise<Answer<ConversationDetail>> => ann.call("POST", "/v1/conversations", {
      kind: "group", title: "T", max_members, members: range(members).map((i) => `many-${i}`),
    });
    expect(codeOf(await create(256, 256))).toBe("409 group_full");
    const { body } = await create(255, 256);
    expect([body.members.length, body.max_members]).toEqual([256, 256]);
    expect(codeOf(await put(ann, body.conversation_id, "many-300"))).toBe("409 group_full");
    expect(codeOf(await put(service, body.conversation_id, "many-300"))).toBe("409 group_full");
    expect((await statsOf(service, body.conversation_id)).members).toBe(256);
  });

  test("who leaves makes room for one", async () => {
    const [ann, bob, cid, dan] = await users("user", 4) as [User, User, User, User];
    const group = (await ann.group([bob], { max_members: 2 })).conversation_id;
    expect(codeOf(await put(ann, group, cid.name))).toBe("409 group_full");
    await remove(bob, group, bob.name);
    const adds = await Promise.all([cid, dan, bob].map((user) => put(ann, group, user.name)));
    expect(adds.map(codeOf).toSorted()).toEqual(["201 without a code", "409 group_full", "409 group_full"]);
  });
});

describe("adding, removing and roles", () => {
  test("adding a member who is one: 200, no event, and their role stays", async () => {
    const [ann, bob, cid] = await users("user", 3) as [User, User, User];
    const group = (await ann.group([bob, cid])).conversation_id;
    expect((await put(ann, group, bob.name, { role: "admin" })).body).toEqual({ user_id: bob.name, role: "admin" });
    for (const actor of [ann, bob, service]) {
      for (const [user, role] of [[ann, "owner"], [bob, "admin"], [cid, "member"]] as const) {
        for (const body of [undefined, {}]) {
          const answer = await put(actor, group, user.name, body);
          expect([answer.status, answer.body]).toEqual([200, { user_id: user.name, role }]);
        }
      }
    }
    expect(await rolesOf(ann, group)).toEqual({ [ann.name]: "owner", [bob.name]: "admin", [cid.name]: "member" });
    expect((await statsOf(service, group)).head_seq).toBe(2);
  });

  test("an unregistered user, a role that can't be given, and bodies that are none: nothing changes", async () => {
    const [ann, bob] = await users("user", 2) as [User, User];
    const group = (await ann.group([bob])).conversation_id;
    const path = `/v1/conversations/${group}/members/${bob.name}`;
    expect(codeOf(await put(ann, group, "nobody-at-all"))).toBe("404 unknown_user");
    for (const role of ["boss", "", null, 1, ["admin"]]) expect(codeOf(await put(ann, group, bob.name, { role }))).toBe("400 bad_request");
    for (const body of ["{", "null", "[]", "7", '"admin"', " "]) expect([body, codeOf(await ann.raw("PUT", path, { body }))]).toEqual([body, "400 bad_request"]);
    expect(codeOf(await ann.raw("PUT", path, { body: " ".repeat(200_000) }))).toBe("413 frame_too_large");
    for (const user of ["a%20b", "%00", "x".repeat(129), "%2e%2e"]) expect(codeOf(await put(ann, group, user))).toBe("404 not_found");
    expect((await statsOf(service, group)).head_seq).toBe(1);
  });

  test("who may do what", async () => {
    const [owner, admin, member, other, stranger, late] = await users("user", 6) as [User, User, User, User, User, User];
    const group = (await owner.group([admin, member, other])).conversation_id;
    await put(owner, group, admin.name, { role: "admin" });
    const title = (actor: User): Promise<Answer> => actor.call("PATCH", `/v1/conversations/${group}`, { title: "Mine" });
    const refused: readonly (readonly [string, () => Promise<Answer>])[] = [
      ["403 forbidden", () => put(member, group, late.name)], ["403 forbidden", () => put(admin, group, late.name, { role: "admin" })],
      ["403 forbidden", () => put(admin, group, member.name, { role: "admin" })], ["403 forbidden", () => put(member, group, member.name, { role: "admin" })],
      ["403 forbidden", () => put(admin, group, admin.name, { role: "member" })], ["403 forbidden", () => put(admin, group, owner.name, { role: "member" })],
      ["403 forbidden", () => put(owner, group, owner.name, { role: "member" })], ["403 forbidden", () => put(service, group, owner.name, { role: "member" })],
      ["403 forbidden", () => remove(member, group, other.name)], ["403 forbidden", () => remove(admin, group, owner.name)], ["403 forbidden", () => title(member)],
      ["404 not_found", () => remove(owner, group, stranger.name)], ["404 not_found", () => put(stranger, group, stranger.name)],
      ["404 not_found", () => remove(stranger, group, member.name)], ["404 not_found", () => remove(stranger, group, stranger.name)], ["404 not_found", () => title(stranger)],
    ];
    for (const [i, [code, act]] of refused.entries()) expect([i, codeOf(await act())]).toEqual([i, code]);
    expect((await statsOf(service, group)).head_seq).toBe(2);

    expect((await put(admin, group, late.name)).status).toBe(201);
    expect((await put(owner, group, late.name, { role: "admin" })).status).toBe(201);
    expect(codeOf(await remove(admin, group, late.name))).toBe("403 forbidden");
    expect((await put(owner, group, late.name, { role: "member" })).status).toBe(201);
    expect((await remove(admin, group, late.name)).status).toBe(204);
    expect((await title(admin)).body).toMatchObject({ title: "Mine" });
    expect((await title(owner)).status).toBe(200);
    expect((await remove(owner, group, admin.name)).status).toBe(204);
    expect((await remove(service, group, other.name)).status).toBe(204);
    expect((await remove(owner, group, owner.name)).status).toBe(204);
    const events = await member.history(group);
    expect(typesOf(events)).toEqual([
      "1 created", "2 member_role", "3 member_added", "4 member_role", "5 member_role", "6 member_removed", "7 title", "8 member_removed", "9 member_removed", "10 member_removed", "11 member_role",
    ]);
    expect(events[10]).toMatchObject({ user_id: member.name, role: "owner", sender_id: owner.name });
    expect(events[7]).toMatchObject({ user_id: admin.name, sender_id: owner.name });
  });

  test("a direct conversation keeps its two users and has no title", async () => {
    const [ann, bob, cid] = await users("user", 3) as [User, User, User];
    const { conversation_id } = await ann.send(bob, "x");
    for (const actor of [ann, service]) {
      expect(codeOf(await put(actor, conversation_id, cid.name))).toBe("403 forbidden");
      expect(codeOf(await remove(actor, conversation_id, bob.name))).toBe("403 forbidden");
    }
    expect(codeOf(await remove(ann, conversation_id, ann.name))).toBe("403 forbidden");
    expect(codeOf(await ann.call("PATCH", `/v1/conversations/${conversation_id}`, { title: "T" }))).toBe("403 forbidden");
    expect(codeOf(await put(cid, conversation_id, cid.name))).toBe("404 not_found");
    expect(Object.keys(await rolesOf(bob, conversation_id)).toSorted()).toEqual([ann.name, bob.name].toSorted());
    expect((await statsOf(service, conversation_id)).head_seq).toBe(1);
  });
});

describe("those who come and go", () => {
  /** What a socket was sent of a conversation, once nothing more can be on its way. */
  async function received(socket: RawSocket, owner: User, group: string): Promise<string[]> {
    await untilSettled(service, group);
    const key = randomUUID();
    await socket.ask({ type: "msg", to: owner.name, content: "fence", client_msg_id: key });
    return socket.frames.filter((frame) => frame["conversation_id"] === group && frame.type !== "error").map((frame) => `${String(frame["seq"])} ${frame.type}`);
  }

  test.each(["removed", "leaving"])("a member who is %s gets 404 for everything new and nothing live behind it", async (how) => {
    const [ann, bob, eve] = await users("user", 3) as [User, User, User];
    const group = (await ann.group([bob, eve])).conversation_id;
    const [bobs, eves] = await Promise.all([bob.socket(), eve.socket()]);
    const own = await eves.ask({ type: "msg", conversation_id: group, content: "mine", client_msg_id: "mine" });
    expect(own).toMatchObject({ type: "ack", seq: 2 });
    const cursor = (await eve.call<{ next_cursor: string }>("GET", `/v1/history/${group}?limit=1`)).body.next_cursor;
    expect((await remove(how === "leaving" ? eve : ann, group, eve.name)).status).toBe(204);
    for (const content of ["a", "b", "c"]) await ann.send(group, content);

    expect(await received(bobs, ann, group)).toEqual(["1 created", "2 msg", "3 member_removed", "4 msg", "5 msg", "6 msg"].slice(bobs.frames.some((frame) => frame.type === "created") ? 0 : 1));
    const seen = await received(eves, ann, group);
    expect(seen.filter((line) => Number(line.split(" ")[0]) > 3)).toEqual([]);
    expect(seen).toContain("3 member_removed");
    expect(await listed(eve)).not.toContain(group);

    const asks: Promise<Answer>[] = [
      eve.call("GET", `/v1/conversations/${group}`), eve.call("GET", `/v1/history/${group}`), eve.call("GET", `/v1/history/${group}?limit=1&cursor=${cursor}`),
      eve.call("GET", `/v1/history/${group}?after=0`), eve.call("PATCH", `/v1/conversations/${group}`, { title: "T" }), put(eve, group, eve.name), remove(eve, group, eve.name),
      remove(eve, group, bob.name), eve.call("POST", "/v1/messages", { conversation_id: group, content: "x", client_msg_id: "new" }),
    ];
    for (const answer of await Promise.all(asks)) expect(codeOf(answer)).toBe("404 not_found");
    // But for what she already had: a resend is answered as it was (O6).
    expect(await eve.call("POST", "/v1/messages", { conversation_id: group, content: "mine", client_msg_id: "mine" })).toMatchObject({ status: 200, body: { seq: 2, msg_id: own["msg_id"] } });
    expect(await eves.ask({ type: "msg", conversation_id: group, content: "x", client_msg_id: "again" })).toMatchObject({ code: "not_found" });
    eves.send({ type: "resume", cursors: { [group]: { epoch: 1, seq: 0 } } });
    expect(await eves.take({ type: "error", conversation_id: group, client_msg_id: undefined })).toMatchObject({ code: "not_found" });
    expect((await statsOf(service, group)).head_seq).toBe(6);
    for (const socket of [bobs, eves]) socket.cut();
  });

  test("who rejoins sees only from the new joining point, by every way of asking", async () => {
    const [ann, eve] = await users("user", 2) as [User, User];
    const group = (await ann.group([eve])).conversation_id;
    for (const content of ["before 1", "before 2"]) await ann.send(group, content);
    const oldCursor = (await eve.call<{ next_cursor: string }>("GET", `/v1/history/${group}?limit=1`)).body.next_cursor;
    await remove(ann, group, eve.name);
    await ann.send(group, "while away");
    const eves = await eve.socket();
    expect((await put(ann, group, eve.name)).status).toBe(201);
    await eves.take({ type: "member_added", seq: 6 });
    await ann.send(group, "back");
    const visible = ["6 member_added", "7 msg"];

    const paths = ["", "?order=asc", "?after=0", "?after=2", "?from=0", `?limit=1&cursor=${oldCursor}`, `?to=${Date.now() + 60_000}`, "?content_type=text"];
    for (const path of paths) {
      const { body } = await eve.call<{ events: Event[] }>("GET", `/v1/history/${group}${path}`);
      expect(typesOf(body.events).filter((line) => !visible.includes(line))).toEqual([]);
    }
    expect(typesOf(await eve.history(group))).toEqual(visible);
    eves.send({ type: "resume", cursors: { [group]: { epoch: 1, seq: 1 } } });
    await eves.take({ type: "msg", seq: 7 });
    expect((await received(eves, ann, group)).filter((line) => !visible.includes(line))).toEqual([]);
    expect(typesOf(await ann.history(group))).toEqual(["1 created", "2 msg", "3 msg", "4 member_removed", "5 msg", "6 member_added", "7 msg"]);
    eves.cut();
  });

  test("who is added later sees nothing from before", async () => {
    const [ann, bob] = await users("user", 2) as [User, User];
    const group = (await ann.group([])).conversation_id;
    await ann.send(group, "secret");
    const bobs = await bob.socket();
    await put(ann, group, bob.name);
    await ann.send(group, "hello bob");
    expect(await received(bobs, ann, group)).toEqual(["3 member_added", "4 msg"]);
    expect(typesOf(await bob.history(group))).toEqual(["3 member_added", "4 msg"]);
    bobs.cut();
  });
});
