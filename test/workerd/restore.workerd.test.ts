// A conversation's storage that is emptied or rolled back: who is believed, what stops, and how it goes on after it was restored.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import { chainOver, chainStart } from "../../protocol/chain.ts";
import type { RestoreEvent, RestoreState, RestoreStep } from "../../protocol/restore-calls.ts";
import { canonicalJson } from "../../protocol/canonical.ts";
import { sha256Hex } from "../../durable-objects/platform/hash.ts";
import { conversation, Device, directId, rows, session } from "./objects.ts";

const msg = (to: string, key: string) => ({ type: "msg", to, content: key, client_msg_id: key.replaceAll(" ", "-") });
const error = (device: Device, code: string) => device.frames.filter((frame) => frame["type"] === "error" && frame["code"] === code);
const acks = (device: Device) => device.frames.filter((frame) => frame["type"] === "ack");

/** Two people who have written to one another; both inboxes have it all. */
async function chatted(name: string, count: number): Promise<{ id: string; ann: Device; bob: Device; users: [string, string] }> {
  const users: [string, string] = [`${name}-ann`, `${name}-bob`];
  const [ann, bob] = [await Device.connect(users[0], "phone"), await Device.connect(users[1], "phone")];
  const id = directId(...users);
  for (let i = 1; i <= count; i += 1) {
    ann.send(msg(users[1], `message ${i}`));
    await bob.until((device) => device.messages().length === i);
    await ann.until((device) => acks(device).length === i);
  }
  await settled(users, id, count, 1);
  return { id, ann, bob, users };
}

const headOf = async (user: string, id: string) => session(user).knownHead({ conversation_id: id });

async function settled(users: readonly string[], id: string, seq: number, epoch: number): Promise<void> {
  for (const user of users) await vi.waitFor(async () => expect(await headOf(user, id)).toEqual({ epoch, seq }), { timeout: 10_000 });
}

/** The events as an archive has them. */
async function archiveOf(id: string): Promise<RestoreEvent[]> {
  const found = await conversation(id).unsealed({ conversation_id: id, from: 1 });
  if (!found.ok) throw new Error(found.code);
  return found.events.map((event) => {
    const { seq, msg_id, type, sender_id, client_msg_id = null, salt, content_hash } = event;
    if (event.type !== "msg") throw new Error("only messages here");
    const { content, content_type, msg_no } = event;
    return { seq, msg_id, type, sender_id, client_msg_id, msg_no, body: canonicalJson({ content, content_type }), salt, content_hash };
  });
}

async function wipe(id: string): Promise<void> {
  await runInDurableObject(conversation(id), async (_object, state) => {
    await state.storage.deleteAll();
  });
  await evictDurableObject(conversation(id));
}

/** The storage as it was when it had events up to `seq`. */
async function rollBack(id: string, seq: number): Promise<void> {
  await runInDurableObject(conversation(id), (_object, state) => {
    state.storage.sql.exec("DELETE FROM events WHERE seq > ?", seq);
    state.storage.sql.exec("UPDATE watermarks SET fanout_seq = ?, told_seq = ?", seq, seq);
  });
  await evictDurableObject(conversation(id));
}

async function step(made: RestoreStep): Promise<RestoreState> {
  const answer = await conversation(made.conversation_id).restore(made);
  if (!answer.ok) throw new Error(`${answer.code} ${answer.message ?? ""}`);
  return answer.restore;
}

async function restore(id: string, users: [string, string], events: RestoreEvent[], epoch = 2): Promise<RestoreState> {
  await step({ step: "begin", conversation_id: id, epoch, head_seq: events.length, known: null, force: false });
  // Each step comes twice: the first answer was lost.
  for (const page of [events.slice(0, 3), events.slice(0, 3), events.slice(3), events.slice(3)]) await step({ step: "events", conversation_id: id, epoch, events: page });
  await evictDurableObject(conversation(id));
  const finish = { step: "finish", conversation_id: id, epoch, chain: chainOver(chainStart(id, sha256Hex), events, sha256Hex), pair: users } as const;
  const state = await step(finish);
  expect((await step(finish)).state).toBe("healthy");
  return state;
}

async function call<T>(user_id: string, path: string, scope?: "service"): Promise<{ status: number; body: T }> {
  const worker = (exports as unknown as { default: { fetch(request: Request): Promise<Response> } }).default;
  const given = await worker.fetch(new Request("http://confab.test/dev/token", { method: "POST", body: JSON.stringify({ user_id, ...(scope === undefined ? {} : { scope }) }) }));
  const { token } = await given.json<{ token: string }>();
  const answer = await worker.fetch(new Request(`http://confab.test${path}`, { headers: { Authorization: `Bearer ${token}` } }));
  return { status: answer.status, body: await answer.json() };
}

const history = (user: string, id: string, query = "") => call<{ events?: { seq: number }[]; error?: { code: string } }>(user, `/v1/history/${id}${query}`);

test("[C14] [C12] a conversation's storage is gone, or an old copy: needs_restore is counted, and it takes no message until it is restored; then all devices learn of the new epoch and go on", async () => {
  const { id, ann, bob, users } = await chatted("emptied", 6);
  const needed = async () => (await call<Record<string, number>>("operator", "/v1/admin/metrics", "service")).body["needs_restore"] ?? 0;
  const before = await needed();
  const events = await archiveOf(id);
  await wipe(id);
  ann.send(msg(users[1], "into the void"));
  await ann.until((device) => error(device, "needs_restore").length === 1);
  expect(error(ann, "needs_restore")[0]).toMatchObject({ retryable: true, client_msg_id: "into-the-void" });
  expect(await needed()).toBe(before + 1);
  // It is durable, and holds for whoever asks.
  await evictDurableObject(conversation(id));
  bob.send(msg(users[0], "me too"));
  await bob.until((device) => error(device, "needs_restore").length === 1);
  expect(await history(users[1], id)).toMatchObject({ status: 503, body: { error: { code: "needs_restore" } } });
  expect(await step({ step: "look", conversation_id: id })).toMatchObject({ state: "absent", known_seq: 6 });
  expect(await restore(id, users, events)).toMatchObject({ state: "healthy", epoch: 2, head_seq: 6, known_seq: 6, unasked: 0 });
  for (const device of [ann, bob]) await device.until((one) => one.frames.some((frame) => frame["epoch"] === 2 && frame["seq"] === 6));
  await settled(users, id, 6, 2);
  ann.send(msg(users[1], "into the void"));
  await bob.until((device) => device.messages().includes("into the void"));
  await ann.until((device) => acks(device).length === 7);
  expect(acks(ann).at(-1)).toMatchObject({ epoch: 2, seq: 7 });
  // A resend of what was restored gets its place.
  ann.send(msg(users[1], "message 3"));
  await ann.until((device) => acks(device).length === 8);
  expect(acks(ann).at(-1)).toMatchObject({ epoch: 2, seq: 3, dup: true });
  ann.send({ type: "resume", cursors: { [id]: { epoch: 1, seq: 6 } } });
  await ann.until((device) => error(device, "epoch_changed").length === 1);
  expect((await history(users[1], id, "?order=asc")).body.events?.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test("[C14] storage that was rolled back is noticed by the first append, and what is there can still be read", async () => {
  const { id, ann, users } = await chatted("rolled", 6);
  await rollBack(id, 4);
  ann.send(msg(users[1], "on top of the past"));
  await ann.until((device) => error(device, "needs_restore").length === 1);
  expect((await history(users[0], id)).body.events?.map(({ seq }) => seq)).toEqual([4, 3, 2, 1]);
  // A stranger is told what they always are.
  expect(await history("rolled-cyd", id)).toMatchObject({ status: 404, body: { error: { code: "not_found" } } });
  await evictDurableObject(conversation(id));
  expect(await step({ step: "look", conversation_id: id })).toMatchObject({ state: "needed", epoch: 1, head_seq: 4, known_seq: 6 });
  expect((await rows(conversation(id), "SELECT count(*) AS events FROM events"))[0]).toEqual({ events: 4 });
});

test("[C14] [D12] a client's word alone stops nothing: its cursor above the head is bad_cursor", async () => {
  const { id, ann, bob, users } = await chatted("forged", 3);
  ann.send({ type: "resume", cursors: { [id]: { epoch: 1, seq: 4_000 } } });
  await ann.until((device) => error(device, "bad_cursor").length === 1);
  ann.send({ type: "receipt", conversation_id: id, up_to_seq: 4_000, status: "READ" });
  await ann.until((device) => error(device, "bad_receipt").length === 1);
  ann.send({ type: "resume", cursors: { [id]: { epoch: 9, seq: 1 } } });
  await ann.until((device) => error(device, "epoch_changed").length === 1);
  ann.send(msg(users[1], "goes on"));
  await bob.until((device) => device.messages().includes("goes on"));
  expect(await rows(conversation(id), "SELECT * FROM restores")).toEqual([]);
});

test("[C14] the user's inbox tells by resume and by settle, also where the append came from a session that says nothing", async () => {
  const resumed = await chatted("resumes", 5);
  await rollBack(resumed.id, 3);
  resumed.bob.send({ type: "resume", cursors: { [resumed.id]: { epoch: 1, seq: 5 } } });
  await resumed.bob.until((device) => error(device, "needs_restore").length === 1);
  const settles = await chatted("settles", 5);
  await rollBack(settles.id, 3);
  // As a session of a version before: it says nothing of its inbox.
  expect(await conversation(settles.id).append({
    conversation_id: settles.id, sender_id: settles.users[0], create: null, alone: false, items: [{ client_msg_id: crypto.randomUUID(), device_id: null, content: "x", content_type: "text" }],
  })).toMatchObject({ kind: "answers", answers: [{ ok: true }] });
  await vi.waitFor(async () => expect(await step({ step: "look", conversation_id: settles.id })).toMatchObject({ state: "needed", head_seq: 4, known_seq: 5 }), { timeout: 10_000 });
});

test("[C14] an archiver's acknowledgement above the head, or of a conversation that is not there, stops it; of an older epoch it does not", async () => {
  const { id, ann, bob, users } = await chatted("acked", 3);
  const ack = (epoch: number, to_seq: number, conversation_id = id) => conversation(conversation_id).archived({ format: 1, conversation_id, epoch, from_seq: 1, to_seq, count: to_seq, sha256: "0".repeat(64) });
  expect(await ack(1, 3)).toMatchObject({ ok: false, code: "archive_conflict" });
  ann.send(msg(users[1], "still goes on"));
  await bob.until((device) => device.messages().includes("still goes on"));
  expect(await ack(1, 9)).toMatchObject({ ok: false, code: "needs_restore" });
  ann.send(msg(users[1], "stopped"));
  await ann.until((device) => error(device, "needs_restore").length === 1);
  const unknown = directId("acked-cyd", "acked-dan");
  expect(await ack(1, 9, unknown)).toMatchObject({ ok: false, code: "needs_restore" });
  await evictDurableObject(conversation(unknown));
  const cyd = await Device.connect("acked-cyd", "phone");
  await session("acked-dan").register("acked-dan");
  cyd.send(msg("acked-dan", "from seq 1"));
  await cyd.until((device) => error(device, "needs_restore").length === 1);
});

test("[C14] a conversation that is well is not begun to be restored; one that is being restored has no conversation for anybody", async () => {
  const { id, ann, bob, users } = await chatted("well", 4);
  const events = await archiveOf(id);
  const begin = { step: "begin", conversation_id: id, epoch: 2, head_seq: 4, known: { epoch: 1, seq: 4 }, force: false } as const;
  expect(await conversation(id).restore(begin)).toMatchObject({ ok: false, code: "archive_conflict" });
  ann.send(msg(users[1], "well"));
  await bob.until((device) => device.messages().includes("well"));
  expect(await step({ ...begin, force: true })).toMatchObject({ state: "restoring", next_seq: 1, known_seq: 5 });
  await step({ step: "events", conversation_id: id, epoch: 2, events: events.slice(0, 2) });
  await evictDurableObject(conversation(id));
  ann.send(msg(users[1], "in between"));
  await ann.until((device) => error(device, "needs_restore").length === 1);
  expect((await history(users[0], id)).status).toBe(503);
  expect(await step({ step: "look", conversation_id: id })).toMatchObject({ state: "restoring", epoch: 2, next_seq: 3 });
  const pair: [string, string] = users;
  const finish = { step: "finish", conversation_id: id, epoch: 2, chain: "0".repeat(64), pair } as const;
  expect(await conversation(id).restore(finish)).toMatchObject({ ok: false, code: "archive_conflict" });
  await step({ step: "events", conversation_id: id, epoch: 2, events: events.slice(1) });
  expect(await conversation(id).restore(finish)).toMatchObject({ ok: false, code: "archive_conflict", message: "the events do not lead to the chain's hash" });
  const chain = chainOver(chainStart(id, sha256Hex), events, sha256Hex);
  expect(await conversation(id).restore({ ...finish, chain, pair: [users[0], "well-cyd"] })).toMatchObject({ ok: false, code: "archive_conflict" });
  // What was acknowledged behind it is named.
  expect(await step({ ...finish, chain })).toMatchObject({ state: "healthy", head_seq: 4, known_seq: 5 });
  await settled(users, id, 4, 2);
});

test("[C14] a forged event is not restored", async () => {
  const { id } = await chatted("lies", 3);
  const events = await archiveOf(id);
  await wipe(id);
  await step({ step: "begin", conversation_id: id, epoch: 2, head_seq: 3, known: null, force: false });
  const [first, second] = events as [RestoreEvent, RestoreEvent];
  for (const lie of [
    { ...first, body: first.body.replace("message", "massage") }, { ...first, msg_no: 2 }, { ...first, type: "title" as const },
    { ...first, salt: "0".repeat(32) }, second,
  ]) {
    expect(await conversation(id).restore({ step: "events", conversation_id: id, epoch: 2, events: [lie] })).toMatchObject({ ok: false, code: "archive_conflict" });
  }
  expect(await step({ step: "look", conversation_id: id })).toMatchObject({ next_seq: 1 });
});

test("[C14] [U9] what no event says: a block is told again once the conversation is restored", async () => {
  const { id, bob, ann, users } = await chatted("blocking", 4);
  const events = await archiveOf(id);
  await session(users[1]).setBlock({ user_id: users[0], on: true });
  await wipe(id);
  ann.send(msg(users[1], "before"));
  await ann.until((device) => error(device, "needs_restore").length === 1);
  await restore(id, users, events);
  await settled(users, id, 4, 2);
  await vi.waitFor(async () => expect(await rows(conversation(id), "SELECT user_id FROM bans")).toEqual([{ user_id: users[0] }]), { timeout: 10_000 });
  ann.send(msg(users[1], "blocked"));
  await ann.until((device) => error(device, "forbidden").length === 1);
  expect(bob.messages()).not.toContain("blocked");
});

test("[C14] what a list shows of a restored conversation is what was restored: newest message, unread and reading", async () => {
  const { id, bob, users } = await chatted("lists", 6);
  const events = (await archiveOf(id)).slice(0, 4);
  bob.send({ type: "receipt", conversation_id: id, up_to_seq: 6, status: "READ" });
  const row = async () => (await rows(session(users[1]), "SELECT epoch, settled_seq, head_msg_no, read_seq, read_msg_no, last_message FROM inbox"))[0];
  await vi.waitFor(async () => expect(await row()).toMatchObject({ read_seq: 6 }), { timeout: 10_000 });
  await wipe(id);
  expect(await conversation(id).peek({ user_id: users[1], settled_seq: 6, conversation_id: id, known: { epoch: 1, seq: 6 } })).toMatchObject({ ok: false, code: "needs_restore" });
  expect(await restore(id, users, events)).toMatchObject({ head_seq: 4, known_seq: 6 });
  await settled(users, id, 4, 2);
  expect(await row()).toMatchObject({ epoch: 2, settled_seq: 4, head_msg_no: 4, read_seq: 4, read_msg_no: 4 });
  expect(JSON.parse((await row())?.["last_message"] as string)).toMatchObject({ seq: 4, preview: "message 4" });
  const list = await session(users[1]).conversations({ cursor: null, limit: 10 });
  expect(list).toMatchObject({ ok: true, list: { conversations: [{ conversation_id: id, epoch: 2, head_seq: 4, unread: 0 }] } });
});
