// Users over hibernation: what is decided of them stands in rows, with what is still to be told.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { handleShard, wordShard } from "../../durable-objects/directory/shards.ts";
import { directoryOf } from "../../durable-objects/platform/env.ts";
import { bindings, conversation, Device, directId, rows, session } from "./objects.ts";

const now = () => Math.floor(Date.now() / 1_000);
const claims = (user_id: string, iat = now()) => ({ user_id, exp: iat + 3_600, iat });
const directoryRows = (shard: string) => rows(bindings.DIRECTORY.getByName(shard), "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'");

const connect = (user: string, deviceId: string, iat: number | undefined) => Device.connect(user, deviceId, now() + 3_600, "json", iat);

test("[U6] revoking closes what is older with 4001, what its build did not date among it, and nothing newer; after an eviction too", async () => {
  const user = "uw-revoked";
  await session(user).register(user);
  const at = now();
  const [older, undated, newer] = [await connect(user, "older", at - 5), await connect(user, "undated", undefined), await connect(user, "newer", at + 5)];
  await evictDurableObject(session(user));
  expect(await session(user).setAccess({ revoke_before: at })).toMatchObject({ ok: true, account: { revoked_before: at } });
  await Promise.all([older, undated].map((device) => device.until(({ closed }) => closed !== null)));
  expect([older.closed, undated.closed, newer.closed]).toEqual([{ code: 4001 }, { code: 4001 }, null]);
  await evictDurableObject(session(user));
  expect(await session(user).admit(claims(user, at - 1), 1)).toEqual({ ok: false, code: "unauthorized" });
  expect(await session(user).admit({ user_id: user, exp: at + 10 }, 1)).toEqual({ ok: false, code: "unauthorized" });
  expect(await session(user).admit(claims(user, at), 1)).toEqual({ ok: true });
  // It never goes back.
  expect(await session(user).setAccess({ revoke_before: at - 100 })).toMatchObject({ ok: true, account: { revoked_before: at } });
});

test("[U6] a token that counts no more uses up none of its user's requests", async () => {
  const user = "uw-spent";
  await session(user).register(user);
  await session(user).setAccess({ revoke_before: now() });
  for (let i = 0; i < 40; i += 1) expect(await session(user).admit(claims(user, now() - 60), 1)).toMatchObject({ ok: false, code: "unauthorized" });
  expect(await session(user).admit(claims(user), 15)).toEqual({ ok: true });
});

test("[U5] [U13] who sleeps begins with no fuller bucket", async () => {
  const user = "uw-quota";
  for (let i = 0; i < 10; i += 1) expect(await session(user).admit(claims(user), 1, "report")).toEqual({ ok: true });
  await evictDurableObject(session(user));
  expect(await session(user).admit(claims(user), 1, "report")).toMatchObject({ ok: false, code: "rate_limited" });
});

test("[U12] a change and what the directory has to hear of it are one commit, with an alarm; whoever dies then, it is told", async () => {
  const user = "uw-named";
  await session(user).changeProfile({ user_id: user, patch: { name: "Wilhelmina" }, by: "service" });
  await evictDurableObject(session(user));
  await vi.waitFor(async () => {
    await runDurableObjectAlarm(session(user));
    expect(await rows(session(user), "SELECT * FROM directory_outbox")).toEqual([]);
  });
  expect(await directoryOf(bindings, wordShard("wilhelmina")).find({ words: ["wilh"], limit: 5 })).toEqual([{ user_id: user, name: "Wilhelmina", handle: null, avatar_key: null }]);
});

test("[U12] a claim that nobody could answer for is given back by the alarm", async () => {
  const [user, handle] = ["uw-claims", "uw-claimed"];
  await session(user).register(user);
  // As a session leaves it that dies between the claim and its answer.
  await runInDurableObject(session(user), (_object, state) => {
    state.storage.sql.exec("UPDATE session SET directory_rev = 1");
    state.storage.sql.exec("INSERT INTO directory_outbox (shard, handle, rev) VALUES (?, ?, 1)", handleShard(handle), handle);
  });
  const shard = directoryOf(bindings, handleShard(handle));
  expect(await shard.claim({ handle, user_id: user, rev: 1 })).toEqual({ ok: true });
  await evictDurableObject(session(user));
  // Any call wakes it, and it arms itself.
  await session(user).registered();
  await vi.waitFor(async () => expect(await shard.holder({ handle })).toBe(null));
  expect(await session("uw-next").changeProfile({ user_id: "uw-next", patch: { handle }, by: "service" })).toMatchObject({ ok: true });
});

test("[S10] asking makes no row: of a shard, of an unregistered user, or of a conversation that a block is for", async () => {
  const word = wordShard("uw-unasked");
  expect(await directoryOf(bindings, word).find({ words: ["uwunasked"], limit: 5 })).toEqual([]);
  expect(await directoryOf(bindings, handleShard("uw-unasked")).holder({ handle: "uw-unasked" })).toBe(null);
  expect([await directoryRows(word), await directoryRows(handleShard("uw-unasked"))]).toEqual([[], []]);
  expect(await session("uw-nobody").readProfile()).toMatchObject({ ok: false, code: "unknown_user" });
  expect(await session("uw-nobody").changeProfile({ user_id: "uw-nobody", patch: { name: "x" }, by: "user" })).toMatchObject({ ok: false, code: "unknown_user" });
  expect(await session("uw-nobody").reachable({ from: "uw-blocker" })).toBe("unknown");
  await session("uw-blocker").register("uw-blocker");
  await session("uw-blocker").setBlock({ user_id: "uw-nobody", on: true });
  for (const stub of [session("uw-nobody"), conversation(directId("uw-blocker", "uw-nobody"))]) {
    expect(await rows(stub, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")).toEqual([]);
  }
});

test("[U9] a first message that was under way while its writer was blocked: the conversation is told once it settles", async () => {
  const [ann, eve] = ["uw-ann", "uw-eve"];
  for (const user of [ann, eve]) await session(user).register(user);
  const id = directId(ann, eve);
  const item = (key: string) => ({ client_msg_id: key, device_id: null, content: key, content_type: "text" as const });
  const append = (key: string, create: [string, string] | null) =>
    conversation(id).append({ conversation_id: id, sender_id: eve, items: [item(key)], create, alone: true });
  expect(await session(ann).reachable({ from: eve })).toBe("yes");
  expect(await session(ann).setBlock({ user_id: eve, on: true })).toMatchObject({ ok: true });
  expect(await append("1", [ann, eve])).toMatchObject({ answers: [{ ok: true }] });
  await vi.waitFor(async () => {
    await runDurableObjectAlarm(session(ann));
    expect(await rows(conversation(id), "SELECT user_id, by FROM bans")).toEqual([{ user_id: eve, by: ann }]);
  });
  expect(await append("2", null)).toEqual({ kind: "answers", answers: [{ ok: false, code: "forbidden" }] });
  await evictDurableObject(conversation(id));
  expect(await append("3", null)).toEqual({ kind: "answers", answers: [{ ok: false, code: "forbidden" }] });
  expect(await append("1", null)).toMatchObject({ answers: [{ ok: true, ack: { dup: true } }] });
});
