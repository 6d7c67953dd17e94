// Edits, deletions, reactions, replies and mentions over real sockets: each is an event, history shows messages as they now
// are, and who may not see a message sees nothing of what becomes of it.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AckFrame } from "../../protocol/frames/msg.ts";
import type { HistoryPage, VersionList } from "../../protocol/rest.ts";
import type { ConversationRow } from "../../protocol/frames/inbox.ts";
import { type Product, startProduct } from "../product.ts";
import { codeOf, newUser, operator, until, untilSettled, type User } from "./api.ts";
import type { Frame, RawSocket } from "./raw-socket.ts";

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_EDIT_WINDOW_MS: "2000", CONFAB_SETTLE_AFTER_MS: "500" } });
});
afterAll(() => product.discard());

const key = () => randomUUID();
const edit = (ack: AckFrame, content: string, more: object = {}) => ({ type: "edit", client_msg_id: key(), conversation_id: ack.conversation_id, target_msg_id: ack.msg_id, content, ...more });
const erase = (ack: AckFrame) => ({ type: "delete", client_msg_id: key(), conversation_id: ack.conversation_id, target_msg_id: ack.msg_id });
const react = (ack: AckFrame, emoji: string, on = true) => ({ type: "react", client_msg_id: key(), conversation_id: ack.conversation_id, target_msg_id: ack.msg_id, emoji, on });

async function page(user: User, conversationId: string, query = "order=asc&limit=100"): Promise<HistoryPage> {
  const answer = await user.call<HistoryPage>("GET", `/v1/history/${conversationId}?${query}`);
  expect(codeOf(answer)).toBe("200 without a code");
  return answer.body;
}
async function shown(user: User, ack: AckFrame): Promise<Record<string, unknown>> {
  return (await page(user, ack.conversation_id)).events.find((event) => event.seq === ack.seq) as unknown as Record<string, unknown>;
}
const listed = async (user: User, id: string) =>
  (await user.call<{ conversations: ConversationRow[] }>("GET", "/v1/conversations")).body.conversations.find((row) => row.conversation_id === id) as ConversationRow;

async function pair(): Promise<{ ann: User; bob: User; a: RawSocket; b: RawSocket }> {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  return { ann, bob, a: await ann.socket({ device_id: "a1" }), b: await bob.socket({ device_id: "b1" }) };
}

test("[C1] an edit is an event, history shows the newest content, and what was there before is kept", async () => {
  const { ann, bob, a, b } = await pair();
  const sent = await ann.send(bob, "first");
  await b.take({ type: "msg", seq: 1 });
  const acks: Frame[] = [];
  for (const content of ["second", "third"]) acks.push(await a.ask(edit(sent, content)));
  expect(acks.map((ack) => [ack.type, ack["seq"]])).toEqual([["ack", 2], ["ack", 3]]);
  expect(await b.take({ type: "edit", seq: 3 })).toMatchObject({ target_msg_id: sent.msg_id, target_seq: 1, content: "third", sender_id: ann.name });
  expect(await shown(bob, sent)).toMatchObject({ type: "msg", content: "third", edited_at: acks[1]?.["sent_at"], sent_at: sent.sent_at });
  const versions = await bob.call<VersionList>("GET", `/v1/conversations/${sent.conversation_id}/messages/${sent.msg_id}/edits`);
  expect(versions.body.versions.map((version) => [version.seq, version.content])).toEqual([[1, "first"], [2, "second"], [3, "third"]]);
  expect((await page(bob, sent.conversation_id)).as_of_seq).toBe(3);
  // Only its sender edits, only a message, and only within the window.
  expect(await b.ask(edit(sent, "mine"))).toMatchObject({ type: "error", code: "forbidden" });
  expect(await a.ask(edit({ ...sent, msg_id: acks[0]?.["msg_id"] as string }, "x"))).toMatchObject({ code: "not_found" });
  expect(await a.ask(edit({ ...sent, msg_id: sent.msg_id.replace(/.$/, sent.msg_id.endsWith("0") ? "1" : "0") }, "x"))).toMatchObject({ code: "not_found" });
  await until(() => Promise.resolve(Date.now()), (now) => now > sent.sent_at + 2_050);
  expect(await a.ask(edit(sent, "too late"))).toMatchObject({ type: "error", code: "edit_window_closed", retryable: false });
  expect(await shown(ann, sent)).toMatchObject({ content: "third" });
});

test("[C2] the same edit again is one event, also with its answer lost", async () => {
  const { ann, bob, a } = await pair();
  const sent = await ann.send(bob, "first");
  const once = edit(sent, "second");
  const ack = await a.ask(once);
  expect(await a.ask(once)).toMatchObject({ type: "ack", seq: ack["seq"], msg_id: ack["msg_id"], dup: true });
  a.cut();
  const again = await ann.socket({ device_id: "a1" });
  expect(await again.ask({ ...once, content: "third" })).toMatchObject({ seq: ack["seq"], dup: true });
  expect(await shown(bob, sent)).toMatchObject({ content: "second" });
});

test("[C2] changes are posted as well as sent over a socket, and share one idempotency", async () => {
  const { ann, bob, a } = await pair();
  const sent = await ann.send(bob, "first");
  const frames = [edit(sent, "posted"), react(sent, "👍"), erase({ ...sent, msg_id: sent.msg_id.replace(/^./u, "f") })];
  const posted = await ann.call<{ frames: Frame[] }>("POST", "/v1/frames?device_id=a2", frames);
  expect(posted.body.frames).toMatchObject([{ type: "ack", seq: 2 }, { type: "ack", seq: 3 }, { type: "error", code: "not_found" }]);
  expect(await a.ask(frames[0] as Frame)).toMatchObject({ type: "ack", seq: 2, dup: true });
  expect(await shown(bob, sent)).toMatchObject({ content: "posted", reactions: [{ emoji: "👍", count: 1 }] });
});

test("[C2] [O7] messages, answers and changes of one array are one batch, each for itself and in order", async () => {
  const { ann, bob, a, b } = await pair();
  const sent = await ann.send(bob, "first");
  const where = { conversation_id: sent.conversation_id };
  const answer = { type: "msg", client_msg_id: key(), ...where, content: "an answer", reply_to: sent.msg_id };
  const frames = [answer, edit(sent, "edited"), edit({ ...sent, msg_id: sent.msg_id.replace(/^./u, "f") }, "nothing"), react(sent, "👍"), { ...answer, client_msg_id: key() }, react(sent, "👍", false), erase(sent), edit(sent, "late")];
  a.send(frames);
  const answers: Frame[] = [];
  for (const frame of frames) answers.push(await a.take((given) => given["client_msg_id"] === frame.client_msg_id));
  expect(answers.map((given) => given["seq"] ?? given["code"])).toEqual([2, 3, "not_found", 4, 5, 6, 7, "not_found"]);
  await b.take({ type: "delete" });
  expect(await shown(bob, sent)).toMatchObject({ content: "", replies: 2, deleted_at: answers[6]?.["sent_at"] });
});

test("[C2] [S13] changes with impossible fields are refused by themselves and store nothing", async () => {
  const { ann, bob, a } = await pair();
  const sent = await ann.send(bob, "first");
  const bad = [
    { ...edit(sent, "x"), target_msg_id: "no-id" }, { ...edit(sent, ""), content: "" }, { ...edit(sent, "x"), mentions: Array.from({ length: 51 }, (_, i) => `u${i}`) },
    react(sent, ""), react(sent, "x".repeat(65)), { ...react(sent, "x"), on: "yes" }, { ...erase(sent), conversation_id: "nowhere" },
    { type: "msg", client_msg_id: key(), to: bob.name, content: "x", client_sequence_number: -1 },
    { type: "msg", client_msg_id: key(), to: bob.name, content: "x", reply_to: "no-id" },
  ];
  for (const frame of bad) expect(await a.ask(frame)).toMatchObject({ type: "error", code: "bad_frame" });
  expect(await a.ask(edit(sent, "x".repeat(65_537)))).toMatchObject({ type: "error", code: "content_too_large" });
  expect((await page(bob, sent.conversation_id)).as_of_seq).toBe(1);
});

test("[C3] a deletion leaves a tombstone everywhere: history, resume, versions, list", async () => {
  const { ann, bob, a, b } = await pair();
  const sent = await ann.send(bob, "the secret");
  await a.ask(edit(sent, "the edited secret"));
  await b.ask(react(sent, "👍"));
  await untilSettled(await operator(product), sent.conversation_id);
  expect((await listed(bob, sent.conversation_id)).last_message).toMatchObject({ preview: "the edited secret" });
  const ack = await a.ask(erase(sent));
  await b.take({ type: "delete", target_msg_id: sent.msg_id });
  expect(await a.ask(erase(sent))).toMatchObject({ type: "ack", seq: ack["seq"], dup: true });
  const { events } = await page(bob, sent.conversation_id);
  expect(JSON.stringify(events)).not.toContain("secret");
  expect(events[0]).toMatchObject({ type: "msg", seq: 1, content: "", deleted_at: ack["sent_at"], msg_no: 1 });
  expect(events[0]).not.toHaveProperty("reactions");
  const versions = await bob.call<VersionList>("GET", `/v1/conversations/${sent.conversation_id}/messages/${sent.msg_id}/edits`);
  expect(versions.body).toEqual({ versions: [] });
  const late = await bob.socket({ device_id: "b2" });
  late.send({ type: "resume", cursors: { [sent.conversation_id]: { epoch: 1, seq: 0 } } });
  await late.take({ type: "delete" });
  expect(JSON.stringify(late.frames)).not.toContain("secret");
  expect(late.frames.filter((frame) => "epoch" in frame).map((frame) => frame.type)).toEqual(["msg", "edit", "react", "delete"]);
  const row = await until(() => listed(bob, sent.conversation_id), ({ last_message }) => last_message?.deleted === true);
  expect(row).toMatchObject({ unread: 1, last_message: { preview: null } });
  // What is gone can't be changed any more.
  expect(await a.ask(edit(sent, "back"))).toMatchObject({ code: "not_found" });
  expect(await b.ask(react(sent, "👍"))).toMatchObject({ code: "not_found" });
});

test("[C4] a member deletes only their own messages; admins, owners and the operator any of a group", async () => {
  const [owner, admin, member, other] = [await newUser(product), await newUser(product), await newUser(product), await newUser(product)];
  const { conversation_id } = await owner.group([admin, member, other]);
  await owner.call("PUT", `/v1/conversations/${conversation_id}/members/${admin.name}`, { role: "admin" });
  const sockets = new Map(await Promise.all([owner, admin, member, other].map(async (user) => [user, await user.socket()] as const)));
  const by = (user: User, frame: Record<string, unknown>) => (sockets.get(user) as RawSocket).ask(frame);
  const sent = await Promise.all([1, 2, 3, 4].map((i) => member.send(conversation_id, `m${i}`)));
  expect(await by(other, erase(sent[0] as AckFrame))).toMatchObject({ code: "forbidden" });
  for (const [i, user] of [member, admin, owner].entries()) expect(await by(user, erase(sent[i] as AckFrame))).toMatchObject({ type: "ack" });
  const [mine] = [await owner.send(conversation_id, "the owner's")];
  expect(await by(member, erase(mine as AckFrame))).toMatchObject({ code: "forbidden" });
  expect(await by(admin, erase(mine as AckFrame))).toMatchObject({ type: "ack" });
  const direct = await owner.send(other, "between two");
  expect(await by(other, erase(direct))).toMatchObject({ code: "forbidden" });
  const stranger = await newUser(product);
  expect(await (await stranger.socket()).ask(erase(sent[3] as AckFrame))).toMatchObject({ code: "not_found" });
});

test("[C5] reactions are a set by user and emoji, and history counts them", async () => {
  const { ann, bob, a, b } = await pair();
  const sent = await ann.send(bob, "hello");
  const first = await b.ask(react(sent, "👍"));
  expect(await b.ask(react(sent, "👍"))).toMatchObject({ seq: first["seq"], dup: true });
  await a.ask(react(sent, "👍"));
  await a.ask(react(sent, "🎉"));
  expect(await shown(bob, sent)).toMatchObject({ reactions: [{ emoji: "👍", count: 2, users: [bob.name, ann.name] }, { emoji: "🎉", count: 1, users: [ann.name] }] });
  await b.ask(react(sent, "👍", false));
  await a.ask(react(sent, "🎉", false));
  expect((await shown(bob, sent))["reactions"]).toEqual([{ emoji: "👍", count: 1, users: [ann.name] }]);
  // What isn't there can't be taken back: it is so already.
  expect(await a.ask(react(sent, "🎉", false))).toMatchObject({ type: "ack", dup: true });
  expect((await listed(bob, sent.conversation_id)).unread).toBe(1);
});

test("[C6] a reply names a message that its sender sees; threads are counted and read", async () => {
  const { ann, bob, a } = await pair();
  const sent = await ann.send(bob, "question");
  const answers = [await bob.send(ann, "yes", { reply_to: sent.msg_id }), await bob.send(ann, "no", { reply_to: sent.msg_id })];
  expect(await shown(ann, sent)).toMatchObject({ replies: 2 });
  const thread = await page(ann, sent.conversation_id, `order=asc&limit=1&thread=${sent.msg_id}`);
  expect(thread.events).toMatchObject([{ content: "yes", reply_to: sent.msg_id }]);
  const next = await page(ann, sent.conversation_id, `order=asc&limit=1&thread=${sent.msg_id}&cursor=${encodeURIComponent(thread.next_cursor as string)}`);
  expect(next.events).toMatchObject([{ content: "no" }]);
  expect(next.next_cursor).toBeNull();
  expect(await (await bob.socket()).ask(erase(answers[0] as AckFrame))).toMatchObject({ type: "ack" });
  expect(await shown(ann, sent)).toMatchObject({ replies: 1 });
  // A thread keeps the place of what was deleted.
  expect((await page(ann, sent.conversation_id, `thread=${sent.msg_id}`)).events).toHaveLength(2);
  const absent = { type: "msg", client_msg_id: key(), conversation_id: sent.conversation_id, content: "?", reply_to: sent.msg_id.replace(/.$/, "f").replace(/^./, "f") };
  expect(await a.ask(absent)).toMatchObject({ type: "error", code: "not_found" });
  expect((await page(ann, sent.conversation_id, `thread=${absent.reply_to}`)).events).toEqual([]);
});

test("[C6] nothing begins with an answer or a change", async () => {
  const { ann, bob, a } = await pair();
  const other = await ann.send(await newUser(product), "elsewhere");
  expect(await a.ask({ type: "msg", client_msg_id: key(), to: bob.name, content: "re", reply_to: other.msg_id })).toMatchObject({ code: "not_found" });
  const begun = await ann.send(bob, "hello");
  expect(begun.seq).toBe(1);
});

test("[C9] mentions are members, counted apart, and gone when read", async () => {
  const [ann, bob, eve] = [await newUser(product), await newUser(product), await newUser(product)];
  const { conversation_id } = await ann.group([bob]);
  const sent = await ann.send(conversation_id, "hi", { mentions: [bob.name, eve.name, bob.name] });
  await ann.send(conversation_id, "nobody");
  expect(await shown(bob, sent)).toMatchObject({ mentions: [bob.name] });
  await until(() => listed(bob, conversation_id), (row) => row.unread === 2 && row.unread_mentions === 1);
  await bob.send(conversation_id, "read");
  await until(() => listed(bob, conversation_id), (row) => row.unread === 0 && row.unread_mentions === 0);
});

test("[C8] who joins later sees nothing of what was before: not by its edits, deletions or reactions, live or later", async () => {
  const [ann, bob, eve] = [await newUser(product), await newUser(product), await newUser(product)];
  const { conversation_id } = await ann.group([bob]);
  const before = await ann.send(conversation_id, "old secret");
  await ann.call("PUT", `/v1/conversations/${conversation_id}/members/${eve.name}`);
  const [a, e] = [await ann.socket(), await eve.socket()];
  const after = await ann.send(conversation_id, "for all");
  const changes = [edit(before, "edited secret"), react(before, "🤫"), erase(before), edit(after, "for all of us")];
  for (const change of changes) expect(await a.ask(change)).toMatchObject({ type: "ack" });
  await e.take({ type: "edit", target_msg_id: after.msg_id });
  const seqs = e.frames.filter((frame) => "epoch" in frame).map((frame) => [frame.type, frame["seq"]]);
  expect(seqs.filter(([type]) => type === "skip")).toHaveLength(3);
  const resumed = await eve.socket();
  resumed.send({ type: "resume", cursors: { [conversation_id]: { epoch: 1, seq: after.seq } } });
  await resumed.take({ type: "edit" });
  const { events } = await page(eve, conversation_id);
  expect(events.filter((event) => event.type === "skip")).toHaveLength(3);
  for (const seen of [e.frames, resumed.frames, events]) {
    expect(JSON.stringify(seen)).not.toMatch(/secret|🤫/u);
    expect(JSON.stringify(seen)).not.toContain(before.msg_id);
  }
  for (const frame of [react(before, "👍"), erase(before)]) expect(await e.ask(frame)).toMatchObject({ code: "not_found" });
  expect(await e.ask({ type: "msg", client_msg_id: key(), conversation_id, content: "re", reply_to: before.msg_id })).toMatchObject({ code: "not_found" });
  expect(codeOf(await eve.call("GET", `/v1/conversations/${conversation_id}/messages/${before.msg_id}/edits`))).toBe("404 not_found");
  expect((await page(eve, conversation_id, `thread=${before.msg_id}`)).events).toEqual([]);
});

test("[C7] in an end-to-end encrypted group the list shows no content, search says so, and nothing changes it", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const { conversation_id, encryption } = await ann.group([bob], { encryption: "e2ee" });
  expect(encryption).toBe("e2ee");
  await ann.send(conversation_id, "cipher");
  const row = await until(() => listed(bob, conversation_id), ({ last_message }) => last_message !== null);
  expect(row.last_message).toMatchObject({ preview: null });
  expect(row.last_message).not.toHaveProperty("deleted");
  expect(codeOf(await bob.call("GET", `/v1/conversations/${conversation_id}/search?q=cipher`))).toBe("400 e2ee_unsupported");
  const plain = await ann.group([bob]);
  expect(plain.encryption).toBe("none");
  expect((await bob.call("GET", `/v1/conversations/${plain.conversation_id}/search?q=x`)).status).toBe(200);
  expect(codeOf(await (await newUser(product)).call("GET", `/v1/conversations/${conversation_id}/search?q=x`))).toBe("404 not_found");
  expect(codeOf(await ann.call("PATCH", `/v1/conversations/${conversation_id}`, { encryption: "none" }))).toBe("400 bad_request");
  expect((await ann.history(conversation_id))[0]).toMatchObject({ type: "created", encryption: "e2ee" });
});
