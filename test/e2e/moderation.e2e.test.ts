// What users report and what the operator does about it, and users by the thousand, over the started product.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Account, Found, PublicProfile, Report } from "../../protocol/users.ts";
import { startProduct, type Product } from "../product.ts";
import { size } from "../sizes.ts";
import { codeOf, errorOf, newUser, operator, request, until, type Answer, type User } from "./api.ts";

let product: Product;
let service: User;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  service = await operator(product);
});

afterAll(() => product.discard());

const unique = (): string => randomUUID().slice(0, 8);
type Filed = Pick<Report, "report_id" | "status" | "reported_at">;
const report = (who: User, body: object): Promise<Answer<Filed>> => who.call<Filed>("POST", "/v1/reports", body);
type Queue = { reports: Report[]; next_cursor: string | null };
const queue = async (query = ""): Promise<Queue> => (await service.call<Queue>("GET", `/v1/admin/reports${query}`)).body;
const findReport = async (id: string, status = "open"): Promise<Report | undefined> => {
  for (let cursor: string | null = ""; cursor !== null;) {
    const page: Queue = await queue(`?status=${status}&limit=100${cursor === "" ? "" : `&cursor=${cursor}`}`);
    const found = page.reports.find(({ report_id }) => report_id === id);
    if (found !== undefined) return found;
    cursor = page.next_cursor;
  }
  return undefined;
};
const erase = (conversationId: string, msgId: string): Promise<Answer> => service.call("DELETE", `/v1/admin/conversations/${conversationId}/messages/${msgId}`);

describe("reports", () => {
  test("[U13] of a message that its reporter sees: kept as it was, until closed", async () => {
    const [ann, eve] = [await newUser(product, "ann"), await newUser(product, "eve")];
    const sent = await eve.send(ann, "an insult");
    const filed = await report(ann, { conversation_id: sent.conversation_id, msg_id: sent.msg_id, user_id: eve.name, reason: " rude " });
    expect([filed.status, filed.body]).toEqual([201, { report_id: expect.any(String), status: "open", reported_at: expect.any(Number) }]);
    const evidence = { seq: 1, msg_id: sent.msg_id, sender_id: eve.name, sent_at: sent.sent_at, content_type: "text", content: "an insult" };
    const whole = {
      ...filed.body, reporter_id: ann.name, conversation_id: sent.conversation_id, msg_id: sent.msg_id, user_id: eve.name, reason: "rude", evidence, closed_at: null, note: null,
    };
    expect(await findReport(filed.body.report_id)).toEqual(whole);
    // Once more while it is open: the same one.
    const again = await report(ann, { conversation_id: sent.conversation_id, msg_id: sent.msg_id, user_id: eve.name, reason: "rude!" });
    expect([again.status, again.body]).toEqual([200, filed.body]);
    expect((await erase(sent.conversation_id, sent.msg_id)).status).toBe(204);
    expect((await findReport(filed.body.report_id))?.evidence).toEqual(evidence);
    await product.killTree();
    await product.restart();
    const closed = await service.call<Report>("PATCH", `/v1/admin/reports/${filed.body.report_id}`, { status: "closed", note: "deleted" });
    const shut = { ...whole, status: "closed", note: "deleted", evidence: { ...evidence, content: null }, closed_at: expect.any(Number) };
    expect([closed.status, closed.body]).toEqual([200, shut]);
    expect(await findReport(filed.body.report_id)).toBe(undefined);
    expect(await findReport(filed.body.report_id, "closed")).toEqual(shut);
    expect((await service.call<Report>("PATCH", `/v1/admin/reports/${filed.body.report_id}`, { status: "closed" })).body).toEqual(shut);
  });

  test("[U13] of what one does not see: not_found, the same as of what is not there, and nothing is filed", async () => {
    const [ann, eve, stranger] = [await newUser(product, "ann"), await newUser(product, "eve"), await newUser(product, "stranger")];
    const sent = await eve.send(ann, "x");
    const before = (await queue("?limit=100")).reports.length;
    const absent = "01900000-0000-7000-8000-000000000000";
    const refused = await Promise.all([
      report(stranger, { conversation_id: sent.conversation_id, msg_id: sent.msg_id, reason: "r" }),
      report(stranger, { conversation_id: sent.conversation_id, reason: "r" }),
      report(stranger, { conversation_id: `g.${"0".repeat(32)}`, reason: "r" }),
      report(ann, { conversation_id: sent.conversation_id, msg_id: absent, reason: "r" }),
      report(ann, { conversation_id: sent.conversation_id, user_id: stranger.name, reason: "r" }),
      report(ann, { conversation_id: sent.conversation_id, msg_id: sent.msg_id, user_id: ann.name, reason: "r" }),
    ]);
    expect(new Set(refused.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(codeOf(refused[0] as Answer)).toBe("404 not_found");
    const group = await ann.group([]);
    const early = await ann.send(group.conversation_id, "before eve came");
    await ann.call("PUT", `/v1/conversations/${group.conversation_id}/members/${eve.name}`);
    expect(codeOf(await report(eve, { conversation_id: group.conversation_id, msg_id: early.msg_id, reason: "r" }))).toBe("404 not_found");
    expect((await queue("?limit=100")).reports.length).toBe(before);
    const of_member = await report(eve, { conversation_id: group.conversation_id, user_id: ann.name, reason: "r" });
    expect([of_member.status, (await findReport(of_member.body.report_id))?.evidence]).toEqual([201, null]);
  });

  test("[U13] what is end-to-end encrypted is copied nowhere", async () => {
    const [ann, eve] = [await newUser(product, "ann"), await newUser(product, "eve")];
    const { conversation_id } = await ann.group([eve], { encryption: "e2ee" });
    const sent = await eve.send(conversation_id, "c2VjcmV0");
    const filed = await report(ann, { conversation_id, msg_id: sent.msg_id, reason: "r" });
    expect((await findReport(filed.body.report_id))?.evidence).toMatchObject({ msg_id: sent.msg_id, sender_id: eve.name, content: null });
    expect(JSON.stringify(await queue("?limit=100"))).not.toContain("c2VjcmV0");
  });

  test("[U13] a bad report or query is refused, only a service reads, and a reporter has ten at once", async () => {
    const [ann, eve] = [await newUser(product, "ann"), await newUser(product, "eve")];
    const { conversation_id } = await eve.send(ann, "x");
    const good = { conversation_id, reason: "r" };
    const bad = [{}, { conversation_id }, { ...good, reason: "" }, { ...good, reason: "x".repeat(2_049) }, { ...good, msg_id: "x" }, { ...good, user_id: "a b" }, { ...good, conversation_id: "x" }, { ...good, more: 1 }, []];
    for (const body of bad) {
      const somebody = await newUser(product, "somebody");
      expect([body, codeOf(await report(somebody, body))]).toEqual([body, "400 bad_request"]);
    }
    for (const query of ["?status=all", "?cursor=x", "?limit=0", "?limit=101"]) expect([query, codeOf(await service.call("GET", `/v1/admin/reports${query}`))]).toEqual([query, "400 bad_request"]);
    for (const [method, path] of [["GET", "/v1/admin/reports"], ["PATCH", `/v1/admin/reports/${randomUUID()}`]] as const) {
      expect(codeOf(await ann.call(method, path, method === "GET" ? undefined : { status: "closed" }))).toBe("403 forbidden");
      expect(codeOf(await request(product.url + path, method))).toBe("401 unauthorized");
    }
    expect(codeOf(await service.call("PATCH", `/v1/admin/reports/${randomUUID()}`, { status: "closed" }))).toBe("404 not_found");
    expect(codeOf(await service.call("PATCH", "/v1/admin/reports/x", { status: "closed" }))).toBe("404 not_found");
    expect(codeOf(await service.call("PATCH", `/v1/admin/reports/${randomUUID()}`, { status: "open" }))).toBe("400 bad_request");
    const many = await Promise.all(Array.from({ length: 15 }, () => report(ann, good)));
    expect(many.filter(({ status }) => status === 429)).toHaveLength(5);
    expect(errorOf(many.find(({ status }) => status === 429) as Answer).retry_after_ms).toBeGreaterThan(30_000);
    expect(new Set(many.filter(({ status }) => status < 300).map(({ body }) => body.report_id)).size).toBe(1);
  });
});

describe("a moderator", () => {
  test("[U14] deletes a message for everybody, in the service's name; twice is once", async () => {
    const [ann, eve] = [await newUser(product, "ann"), await newUser(product, "eve")];
    const socket = await ann.socket();
    const sent = await eve.send(ann, "an insult");
    expect((await erase(sent.conversation_id, sent.msg_id)).status).toBe(204);
    expect(await socket.take({ type: "delete" })).toMatchObject({ seq: 2, sender_id: "service", target_msg_id: sent.msg_id });
    expect((await erase(sent.conversation_id, sent.msg_id)).status).toBe(204);
    const [message, deletion, ...more] = await eve.history(sent.conversation_id);
    expect([message, deletion, more]).toMatchObject([{ type: "msg", content: "", deleted_at: expect.any(Number) }, { type: "delete", sender_id: "service" }, []]);
    for (const who of [ann, eve]) expect(codeOf(await who.call("DELETE", `/v1/admin/conversations/${sent.conversation_id}/messages/${sent.msg_id}`))).toBe("403 forbidden");
    for (const [conversation, msg] of [[sent.conversation_id, "01900000-0000-7000-8000-000000000000"], [`d.${"0".repeat(64)}`, sent.msg_id], [sent.conversation_id, "x"]] as const) {
      expect(codeOf(await erase(conversation, msg))).toBe("404 not_found");
    }
  });
});

describe("a moderator in a group", () => {
  test("[U16] bans whom no owner has banned: removed in the service's name, and kept out until it is lifted; a direct conversation has no bans", async () => {
    const [ann, eve] = [await newUser(product, "ann"), await newUser(product, "eve")];
    const { conversation_id } = await ann.group([eve]);
    const socket = await ann.socket();
    const path = `/v1/conversations/${conversation_id}/bans/${eve.name}`;
    expect((await service.call("PUT", path)).status).toBe(201);
    expect(await socket.take({ type: "member_removed" })).toMatchObject({ sender_id: "service", user_id: eve.name });
    expect(codeOf(await eve.call("POST", "/v1/messages", { conversation_id, content: "x", client_msg_id: "x" }))).toBe("404 not_found");
    expect((await ann.call("PUT", `/v1/conversations/${conversation_id}/members/${eve.name}`)).status).toBeGreaterThanOrEqual(400);
    expect((await service.call("DELETE", path)).status).toBe(204);
    expect((await ann.call("PUT", `/v1/conversations/${conversation_id}/members/${eve.name}`)).status).toBe(201);
    const direct = (await ann.send(eve, "hello")).conversation_id;
    await ann.call("PUT", `/v1/blocks/${eve.name}`);
    // Whoever asks, and whether there is a block or not: nothing of it is to be seen or lifted here.
    for (const who of [service, ann, eve]) {
      expect(codeOf(await who.call("GET", `/v1/conversations/${direct}/bans`))).toBe("403 forbidden");
      expect(codeOf(await who.call("DELETE", `/v1/conversations/${direct}/bans/${eve.name}`))).toBe("403 forbidden");
    }
    expect(codeOf(await eve.call("POST", "/v1/messages", { conversation_id: direct, content: "x", client_msg_id: "x" }))).toBe("403 forbidden");
  });
});

describe("users by the thousand", () => {
  interface Bulk { results: { user_id: string; created?: boolean; error?: { code: string } }[] }
  const bulk = (users: unknown): Promise<Answer<Bulk>> => service.call<Bulk>("POST", "/v1/admin/users", { users });

  test("[U15] one call registers and changes many; each stands alone", async () => {
    const mark = unique();
    const count = size("users in a call", 50, 1_000);
    const users = Array.from({ length: count }, (_, i) => ({ user_id: `${mark}-${i}`, name: `N${mark} ${i}`, handle: `h-${mark}-${i}`, custom: { i } }));
    const taken = `taken-${mark}`;
    await bulk([{ user_id: `${mark}-owner`, handle: taken }]);
    const [first = { user_id: "" }, second = { user_id: "" }, ...rest] = users;
    const made = await bulk([{ ...first, handle: taken }, second, ...rest]);
    expect([made.status, made.body.results.length]).toEqual([200, count]);
    expect(made.body.results[0]).toMatchObject({ user_id: first.user_id, error: { code: "handle_taken" } });
    expect(made.body.results.slice(1)).toEqual(users.slice(1).map(({ user_id }) => ({ user_id, created: true })));
    const again = await bulk([{ user_id: second.user_id, name: "New" }]);
    expect(again.body.results).toEqual([{ user_id: second.user_id, created: false }]);
    expect((await service.call<Account>("GET", `/v1/admin/users/${second.user_id}`)).body).toEqual({
      user_id: second.user_id, name: "New", handle: `h-${mark}-1`, avatar_key: null, custom: { i: 1 }, hide_last_seen: false, discoverable: true,
      registered_at: expect.any(Number), deactivated_at: null, revoked_before: 0,
    });
    const seeker = await newUser(product, "seeker");
    expect((await seeker.call<PublicProfile>("GET", `/v1/users/${mark}-${count - 1}`)).body).toMatchObject({ name: `N${mark} ${count - 1}`, custom: { i: count - 1 } });
    const found = async (): Promise<string[]> => (await (await newUser(product, "seeker")).call<{ users: Found[] }>("GET", `/v1/users?q=n${mark}%20${count - 1}`)).body.users.map(({ user_id }) => user_id);
    await until(found, (names) => names.includes(`${mark}-${count - 1}`));
  });

  test("[U15] a call that is wrong anywhere changes nobody", async () => {
    const mark = unique();
    const good = { user_id: `${mark}-a`, name: "A" };
    const bad = [
      [], [{}], [good, good], [good, { user_id: "a b" }], [good, { user_id: `${mark}-b`, handle: "no" }], [good, { user_id: `${mark}-b`, role: "admin" }],
      [good, null], { user_id: "x" }, "x", Array.from({ length: 1_001 }, (_, i) => ({ user_id: `${mark}-${i}` })),
    ];
    for (const users of bad) expect(codeOf(await bulk(users))).toBe("400 bad_request");
    expect(codeOf(await service.call("GET", `/v1/admin/users/${mark}-a`))).toBe("404 unknown_user");
    expect(codeOf(await service.raw("POST", "/v1/admin/users", { body: `{"users":[{"user_id":"${mark}-a","name":"${" ".repeat(8 * 1024 * 1024)}"}]}` }))).toBe("413 frame_too_large");
    const ann = await newUser(product, "ann");
    expect(codeOf(await ann.call("POST", "/v1/admin/users", { users: [good] }))).toBe("403 forbidden");
    expect(codeOf(await ann.call("GET", `/v1/admin/users/${ann.name}`))).toBe("403 forbidden");
  });
});
