// Groups over REST and sockets: handing over, invitations, bans, what new members see, and that who is out is out on every path.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Event } from "../../protocol/events.ts";
import type { ConversationDetail } from "../../protocol/rest.ts";
import type { InviteMade } from "../../protocol/rest/groups.ts";
import { startProduct, type Product } from "../product.ts";
import { codeOf, newUser, operator, statsOf, untilSettled, type Answer, type User } from "./api.ts";

let product: Product;
let service: User;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_SETTLE_AFTER_MS: "200" } });
  service = await operator(product);
});

afterAll(() => product.discard());

const users = <N extends number>(count: N): Promise<User[]> => Promise.all(Array.from({ length: count }, () => newUser(product, "group")));
const path = (group: string, rest = ""): string => `/v1/conversations/${group}${rest}`;
const put = (actor: User, group: string, user: User, role?: string) => actor.call("PUT", path(group, `/members/${user.name}`), role === undefined ? {} : { role });
const remove = (actor: User, group: string, user: User) => actor.call("DELETE", path(group, `/members/${user.name}`));
const invite = async (actor: User, group: string, body: object = {}) => (await actor.call<InviteMade>("POST", path(group, "/invites"), body)).body;
const join = (user: User, token: string) => user.call<ConversationDetail>("POST", `/v1/invites/${token}`);
const rolesOf = async (reader: User, group: string) => {
  const { body } = await reader.call<ConversationDetail>("GET", path(group));
  return Object.fromEntries(body.members.map(({ user_id, role }) => [user_id, role]));
};
const line = (event: Event): string => `${event.seq} ${event.type}${"user_id" in event ? ` ${event.user_id}` : ""}${"role" in event ? ` ${event.role}` : ""}`;

test("[G3] an owner hands the group over, or leaves it to who has been there longest: always one owner", async () => {
  const [ann, bob, cat, dan] = await users(4) as [User, User, User, User];
  const group = (await ann.group([bob, cat, dan])).conversation_id;
  expect(codeOf(await put(bob, group, bob, "owner"))).toBe("403 forbidden");
  expect(codeOf(await put(ann, group, bob, "owner"))).toBe("201 without a code");
  expect(await rolesOf(dan, group)).toEqual({ [ann.name]: "admin", [bob.name]: "owner", [cat.name]: "member", [dan.name]: "member" });
  expect(codeOf(await put(ann, group, ann, "owner"))).toBe("403 forbidden");
  await remove(bob, group, bob);
  expect(await rolesOf(dan, group)).toEqual({ [ann.name]: "owner", [cat.name]: "member", [dan.name]: "member" });
  await remove(ann, group, ann);
  expect(await rolesOf(dan, group)).toEqual({ [cat.name]: "owner", [dan.name]: "member" });
  expect((await put(service, group, dan, "owner")).status).toBe(201);
  expect((await dan.history(group)).map(line)).toEqual([
    "1 created", `2 member_role ${bob.name} owner`, `3 member_role ${ann.name} admin`, `4 member_removed ${bob.name}`, `5 member_role ${ann.name} owner`,
    `6 member_removed ${ann.name}`, `7 member_role ${cat.name} owner`, `8 member_role ${dan.name} owner`, `9 member_role ${cat.name} admin`,
  ]);
});

test("[G9] an invitation lets in as many as it says, and everything that is wrong with one is the same answer", async () => {
  const [ann, bob, cat, dan, eve] = await users(5) as [User, User, User, User, User];
  const group = (await ann.group([bob])).conversation_id;
  const made = await invite(ann, group, { expires_in_s: 60, max_uses: 2 });
  expect(made).toMatchObject({ created_by: ann.name, uses_left: 2, expires_at: made.created_at + 60_000 });
  const joined = await join(cat, made.token);
  expect([joined.status, joined.body.conversation_id]).toEqual([201, group]);
  // Who is in already uses nothing up.
  expect((await join(cat, made.token)).status).toBe(200);
  const last = await Promise.all([dan, eve].map((user) => join(user, made.token)));
  expect(last.map(codeOf).toSorted()).toEqual(["201 without a code", "404 invite_invalid"]);
  expect(await rolesOf(ann, group)).toMatchObject({ [cat.name]: "member" });
  expect((await ann.history(group)).at(-2)).toMatchObject({ type: "member_added", user_id: cat.name, sender_id: cat.name });

  const [out, lastIn] = last[0]?.status === 201 ? [eve, dan] : [dan, eve];
  // The answer to the last use may be lost: who is in is told so for as long as they ask.
  expect((await join(lastIn, made.token)).status).toBe(200);
  const revoked = await invite(ann, group);
  expect((await ann.call("GET", path(group, "/invites"))).text).not.toContain(revoked.token);
  expect((await ann.call("DELETE", path(group, `/invites/${revoked.invite_id}`))).status).toBe(204);
  await put(ann, group, bob, "admin");
  const demoted = await invite(bob, group);
  await put(ann, group, bob, "member");
  const other = await invite(ann, group);
  const altered = Buffer.from(Buffer.from(other.token, "base64url").toString().replace(/.$/, (digit) => (digit === "0" ? "1" : "0"))).toString("base64url");
  const absent = Buffer.from(`g.${"0".repeat(32)}/${"0".repeat(16)}/${"0".repeat(32)}`).toString("base64url");
  const bad = [made.token, revoked.token, demoted.token, altered, absent, "x", "%00", "a".repeat(257), `${other.token}=`];
  const answers = await Promise.all(bad.map((token) => join(out, token)));
  expect(answers.map(codeOf)).toEqual(bad.map(() => "404 invite_invalid"));
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect((await join(out, other.token)).status).toBe(201);
});

test("[G9] an invitation ends by its time, and a full group takes nobody", async () => {
  const [ann, bob, cat, dan] = await users(4) as [User, User, User, User];
  const group = (await ann.group([bob], { max_members: 3 })).conversation_id;
  const [short, long] = [await invite(ann, group, { expires_in_s: 1 }), await invite(ann, group, { max_uses: 1 })];
  expect((await join(cat, long.token)).status).toBe(201);
  const full = await invite(ann, group);
  expect(codeOf(await join(dan, full.token))).toBe("409 group_full");
  await remove(ann, group, cat);
  while (Date.now() <= short.expires_at) await statsOf(service, group);
  expect(codeOf(await join(dan, short.token))).toBe("404 invite_invalid");
  expect((await join(dan, full.token)).status).toBe(201);
});

test("[G9] only owners, admins and the service invite, list and take back; a direct conversation has no invitations", async () => {
  const [ann, bob, eve] = await users(3) as [User, User, User];
  const group = (await ann.group([bob])).conversation_id;
  const { invite_id } = await invite(ann, group);
  for (const [actor, code] of [[bob, "403 forbidden"], [eve, "404 not_found"]] as const) {
    const asks: Promise<Answer>[] = [
      actor.call("POST", path(group, "/invites"), {}), actor.call("GET", path(group, "/invites")), actor.call("DELETE", path(group, `/invites/${invite_id}`)),
      actor.call("GET", path(group, "/bans")), actor.call("PUT", path(group, `/bans/${ann.name}`)), actor.call("DELETE", path(group, `/bans/${ann.name}`)),
      actor.call("PATCH", path(group), { history: "all" }),
    ];
    expect((await Promise.all(asks)).map(codeOf)).toEqual(asks.map(() => code));
  }
  for (const body of [{ expires_in_s: 0 }, { expires_in_s: 30 * 86_400 + 1 }, { max_uses: 0 }, { max_uses: 501 }, { expires_in_s: "1" }]) {
    expect(codeOf(await ann.call("POST", path(group, "/invites"), body))).toBe("400 bad_request");
  }
  expect((await service.call("GET", path(group, "/invites"))).body).toMatchObject({ invites: [{ invite_id, created_by: ann.name }] });
  const direct = (await ann.send(bob, "x")).conversation_id;
  expect(codeOf(await ann.call("POST", path(direct, "/invites"), {}))).toBe("403 forbidden");
  expect(codeOf(await ann.call("PUT", path(direct, `/bans/${bob.name}`)))).toBe("403 forbidden");
});

test("[G10] who is banned is out, and comes in neither by being added nor by an invitation until it is lifted", async () => {
  const [ann, adm, bob, cat] = await users(4) as [User, User, User, User];
  const group = (await ann.group([adm, bob])).conversation_id;
  await put(ann, group, adm, "admin");
  const { token } = await invite(ann, group);
  const ban = (actor: User, user: User) => actor.call("PUT", path(group, `/bans/${user.name}`));
  expect([codeOf(await ban(adm, ann)), codeOf(await ban(ann, ann)), codeOf(await ban(adm, adm))]).toEqual(["403 forbidden", "403 forbidden", "403 forbidden"]);
  expect([(await ban(adm, bob)).status, (await ban(adm, bob)).status, (await ban(ann, cat)).status]).toEqual([201, 200, 201]);
  expect(codeOf(await bob.call("GET", path(group)))).toBe("404 not_found");
  for (const user of [bob, cat]) {
    expect(codeOf(await put(ann, group, user))).toBe("403 forbidden");
    expect(codeOf(await join(user, token))).toBe("404 invite_invalid");
  }
  expect((await ann.call<{ bans: { user_id: string; by: string }[] }>("GET", path(group, "/bans"))).body.bans).toMatchObject([{ user_id: bob.name, by: adm.name }, { user_id: cat.name, by: ann.name }]);
  expect((await adm.call("DELETE", path(group, `/bans/${bob.name}`))).status).toBe(204);
  expect((await join(bob, token)).status).toBe(201);
  expect((await ann.history(group)).map(line).slice(2)).toEqual([`3 member_removed ${bob.name}`, `4 member_added ${bob.name} member`]);
});

test("[G11] a new member sees the past where the group shows it, by every way of asking, and loses it when it hides it again", async () => {
  const [ann, bob, cat] = await users(3) as [User, User, User];
  const group = (await ann.group([bob])).conversation_id;
  for (const content of ["one", "two"]) await ann.send(group, content);
  await put(ann, group, cat);
  const seen = async () => (await cat.history(group)).map((event) => event.seq);
  expect(await seen()).toEqual([4]);
  expect((await ann.call<ConversationDetail>("PATCH", path(group), { history: "all", title: "Open" })).body).toMatchObject({ history: "all", title: "Open" });
  expect(await seen()).toEqual([1, 2, 3, 4, 5, 6]);
  expect((await ann.history(group)).slice(4)).toMatchObject([{ type: "title", title: "Open" }, { type: "settings", changes: { history: "all" } }]);
  const socket = await cat.socket({ device_id: "c" });
  socket.send({ type: "resume", cursors: { [group]: { epoch: 1, seq: 0 } } });
  await socket.take({ type: "msg", content: "one" });
  expect((await ann.call("PATCH", path(group), { history: "all" })).status).toBe(200);
  await ann.call("PATCH", path(group), { history: "joined" });
  expect(await seen()).toEqual([4, 5, 6, 7]);
  for (const body of [{ history: "none" }, { history: null }, {}, { history: "all", kind: "direct" }]) expect(codeOf(await ann.call("PATCH", path(group), body))).toBe("400 bad_request");
  socket.cut();
});

test("[O10] a creation's key is one group, whatever jurisdiction the second creation asks for", async () => {
  const ann = (await users(1))[0] as User;
  const create = (client_msg_id: string, more: object = {}) => ann.call<ConversationDetail>("POST", "/v1/conversations", { kind: "group", title: "T", client_msg_id, ...more });
  const first = await create("k-1");
  expect([first.status, first.body.jurisdiction]).toEqual([201, null]);
  const again = await create("k-1", { jurisdiction: "eu" });
  expect([again.status, again.body.conversation_id, again.body.jurisdiction]).toEqual([200, first.body.conversation_id, null]);
  const both = await Promise.all([create("k-2", { jurisdiction: "eu" }), create("k-2"), create("k-2", { jurisdiction: "eu" })]);
  expect(new Set(both.map(({ body }) => body.conversation_id)).size).toBe(1);
  expect(both.map(codeOf).toSorted()).toEqual(["200 without a code", "200 without a code", "201 without a code"]);
});

test.each([false, true])("[G12] who is removed hears of nothing behind it on any path (in a large group: %s)", async (large) => {
  const [ann, bob, eve] = await users(3) as [User, User, User];
  const many = Array.from({ length: 100 }, (_, i) => `out-${i}`);
  if (large) for (const name of many) await service.call("PUT", `/v1/admin/users/${name}`);
  const { body } = await ann.call<ConversationDetail>("POST", "/v1/conversations", { kind: "group", title: "T", members: [bob.name, eve.name, ...(large ? many : [])] });
  const group = body.conversation_id;
  expect((await statsOf(service, group)).mode).toBe(large ? "read" : "write");
  const [eves, bobs] = [await eve.socket({ device_id: "e" }), await bob.socket({ device_id: "b" })];
  for (const socket of [eves, bobs]) socket.send({ type: "open", conversation_id: group });
  const sent = await ann.send(group, "before");
  await eves.take({ type: "msg", content: "before" });
  expect((await remove(ann, group, eve)).status).toBe(204);
  await eves.take({ type: "member_removed" });
  const from = eves.frames.length;
  await ann.send(group, "after");
  bobs.send({ type: "typing", conversation_id: group, on: true });
  bobs.send([
    { type: "react", client_msg_id: randomUUID(), conversation_id: group, target_msg_id: sent.msg_id, emoji: "👍", on: true },
    { type: "msg", client_msg_id: randomUUID(), conversation_id: group, content: "quoting", reply_to: sent.msg_id },
  ]);
  await bobs.take({ type: "ack" });
  await ann.call("POST", "/v1/messages", { conversation_id: group, content: "last", client_msg_id: randomUUID() });
  if (!large) await untilSettled(service, group);
  // What was sent to this socket before the answer has arrived with it.
  for (const type of ["open", "typing", "receipt"] as const) {
    const more = { open: {}, typing: { on: true }, receipt: { up_to_seq: 2, status: "READ" } }[type];
    eves.send({ type, conversation_id: group, ...more });
  }
  eves.send({ type: "resume", cursors: { [group]: { epoch: 1, seq: 1 } } });
  expect(await eves.ask({ type: "msg", conversation_id: group, content: "x", client_msg_id: "gone" })).toMatchObject({ code: "not_found" });
  const asks: Promise<Answer>[] = [
    eve.call("GET", path(group)), eve.call("GET", `/v1/history/${group}`), eve.call("GET", path(group, `/receipts?msg_id=${sent.msg_id}`)), eve.call("GET", path(group, "/search?q=after")),
    eve.call("GET", path(group, `/messages/${sent.msg_id}/edits`)), eve.call("POST", path(group, "/invites"), {}), eve.call("GET", path(group, "/bans")),
  ];
  expect((await Promise.all(asks)).map(codeOf)).toEqual(asks.map(() => "404 not_found"));
  const heard = eves.frames.slice(from).filter((frame) => frame["conversation_id"] === group && frame.type !== "error" && frame.type !== "inbox");
  expect(heard).toEqual([]);
  expect(eves.frames.slice(from).filter((frame) => frame.type === "binary" || frame.type === "sync_required")).toEqual([]);
  expect(JSON.stringify((await eve.call("GET", "/v1/conversations?since=0")).body)).not.toMatch(/after|quoting|last"/);
  expect((await statsOf(service, group)).viewers).toBe(1);
  for (const socket of [eves, bobs]) socket.cut();
});
