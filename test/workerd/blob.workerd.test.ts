// A content's object in its own runtime: what it keeps over its sleep, its alarm, and that nothing of it is left in the end. The store
// of files is not there: what needs it fails.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { ASK_AFTER_MS, CLAIM_MS } from "../../domain/references.ts";
import type { BlobCalls, MediaReference, Upload } from "../../protocol/rpc/media.ts";
import { bindings, conversation, directId, rows } from "./objects.ts";

type BlobStub = DurableObjectStub & BlobCalls;
const blob = (key: string): BlobStub => bindings.BLOB.getByName(key) as unknown as BlobStub;
const keyOf = (n: number): string => `m/${String(n).padStart(64, "0")}`;
const upload: Upload = { key: `up/ann/${"0".repeat(32)}`, kind: "image", content_type: "image/png", size: 9, sha256: "0".repeat(64), upload_id: null, created_at: 0 };
const DUE = CLAIM_MS + ASK_AFTER_MS;

async function at(stub: BlobStub, sql: string, ...given: (string | number)[]): Promise<void> {
  await runInDurableObject(stub, (_object, state) => void state.storage.sql.exec(sql, ...given));
}

/** Its alarm as if this time had passed. */
async function later(stub: BlobStub, ms: number): Promise<void> {
  await at(stub, "UPDATE message_references SET claimed_at = claimed_at - ?, ask_at = ask_at - ?", ms, ms);
  await at(stub, "UPDATE content SET changed_at = changed_at - ?, idle_since = idle_since - ?", ms, ms);
  await evictDurableObject(stub);
  await runInDurableObject(stub, (_object, state) => state.storage.setAlarm(Date.now() + 60_000));
  await runDurableObjectAlarm(stub);
}

async function direct(a: string, b: string, item: { client_msg_id: string; media_key: string }): Promise<{ id: string; msg_id: string }> {
  const id = directId(a, b);
  const sent = await conversation(id).appendMedia({
    conversation_id: id, sender_id: a, create: [a, b], alone: true, items: [{ ...item, device_id: null, content: "", content_type: "image", media: {} }],
  });
  if (sent.kind !== "answers" || sent.answers[0]?.ok !== true) throw new Error("not appended");
  return { id, msg_id: sent.answers[0].ack.msg_id };
}

test("[M11] nothing is written for a key that somebody merely asks for", async () => {
  const stub = blob(keyOf(1));
  expect(await stub.locate()).toEqual({ ok: false, code: "media_expired" });
  await stub.release({ key: keyOf(1), references: [{ conversation_id: "g", sender_id: "ann", client_msg_id: "1" }] });
  expect(await stub.claim({ key: keyOf(1), reference: { conversation_id: "g", sender_id: "ann", client_msg_id: "1" }, upload: null })).toEqual({ ok: false, code: "media_expired" });
  expect(await rows(stub, "SELECT name FROM sqlite_master WHERE name = 'content'")).toEqual([]);
});

test("[M11] a claim that fails leaves its reference, which stands once its conversation says so, and goes after the deletion; then nothing is left", async () => {
  const key = keyOf(2);
  const stub = blob(key);
  const { id, msg_id } = await direct("bl-ann", "bl-bob", { client_msg_id: "1", media_key: key });
  const reference: MediaReference = { conversation_id: id, sender_id: "bl-ann", client_msg_id: "1" };
  expect(await stub.claim({ key, reference, upload })).toEqual({ ok: false, code: "unavailable", retry_after_ms: 1_000 });
  expect(await rows(stub, "SELECT * FROM message_references")).toMatchObject([{ ...reference, claim: 1 }]);
  const alarm = await runInDurableObject(stub, (_object, state) => state.storage.getAlarm());
  expect(Math.abs((alarm ?? 0) - Date.now() - DUE)).toBeLessThan(60_000);
  await later(stub, DUE + 1);
  expect(await rows(stub, "SELECT client_msg_id, ask_at FROM message_references")).toEqual([{ client_msg_id: "1", ask_at: null }]);
  await conversation(id).appendAny({ conversation_id: id, sender_id: "bl-ann", create: null, alone: true, items: [{ type: "delete", client_msg_id: "d", device_id: null, target_msg_id: msg_id }] });
  await runDurableObjectAlarm(conversation(id));
  expect(await rows(conversation(id), "SELECT * FROM media_releases")).toEqual([]);
  expect(await rows(stub, "SELECT ask_at IS NOT NULL AS asked FROM message_references")).toEqual([{ asked: 1 }]);
  await later(stub, 0);
  expect(await rows(stub, "SELECT (SELECT count(*) FROM message_references) AS refs, idle_since IS NOT NULL AS idle, state FROM content")).toEqual([{ refs: 0, idle: 1, state: "noted" }]);
  // After the grace its name is given up; the store does not answer, so it stays to be removed.
  await later(stub, 8 * 86_400_000);
  expect(await rows(stub, "SELECT (SELECT object FROM removals) AS object, generation, state FROM content")).toEqual([{ object: key, generation: 1, state: "retired" }]);
  await at(stub, "DELETE FROM removals");
  await later(stub, 2 * 3_600_000);
  expect(await rows(stub, "SELECT name FROM sqlite_master WHERE name = 'content'")).toEqual([]);
  expect(await stub.locate()).toEqual({ ok: false, code: "media_expired" });
  // And it begins anew.
  expect(await stub.claim({ key, reference, upload })).toMatchObject({ code: "unavailable" });
  expect(await rows(stub, "SELECT generation, state FROM content")).toEqual([{ generation: 0, state: "noted" }]);
});

test("[M10] an object that was only expected writes nothing when it is claimed that one with a content would not, and is forgotten where nothing comes", async () => {
  const key = keyOf(4);
  const stub = blob(key);
  await stub.expect({ key, content_type: "image/png", size: 9 });
  expect(await stub.locate()).toEqual({ ok: false, code: "media_expired" });
  expect(await rows(stub, "SELECT generation, state FROM content")).toEqual([{ generation: 0, state: "retired" }]);
  await later(stub, 23 * 3_600_000);
  expect(await rows(stub, "SELECT state FROM content")).toHaveLength(1);
  await later(stub, 3 * 3_600_000);
  expect(await rows(stub, "SELECT name FROM sqlite_master WHERE name = 'content'")).toEqual([]);
  await stub.expect({ key, content_type: "image/png", size: 9 });
  await stub.claim({ key, reference: { conversation_id: "g", sender_id: "ann", client_msg_id: "1" }, upload });
  await stub.expect({ key, content_type: "image/png", size: 9 });
  expect(await rows(stub, "SELECT generation, state, idle_since FROM content")).toEqual([{ generation: 0, state: "noted", idle_since: null }]);
});

test("[M11] a conversation that never was is asked again for a week", async () => {
  const key = keyOf(3);
  const stub = blob(key);
  const reference: MediaReference = { conversation_id: `g.${"9".repeat(32)}`, sender_id: "ann", client_msg_id: "1" };
  await stub.claim({ key, reference, upload });
  await later(stub, DUE + 1);
  expect(await rows(stub, "SELECT ask_at > ? AS later FROM message_references".replace("?", String(Date.now())))).toEqual([{ later: 1 }]);
  await later(stub, 8 * 86_400_000);
  expect(await rows(stub, "SELECT * FROM message_references")).toEqual([]);
});
