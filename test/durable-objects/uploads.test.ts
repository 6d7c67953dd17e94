// What a user's session keeps of uploads: until they are sent, dropped or too old, and of nobody else's.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Uploads } from "../../durable-objects/session/uploads.ts";
import { SessionStore } from "../../durable-objects/session/store.ts";
import { PENDING_UPLOADS, UNSENT_MS, UPLOAD_URL_S, UploadKey, uploadPrefix } from "../../protocol/media.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import type { UploadCall } from "../../protocol/rpc/media.ts";
import * as v from "valibot";
import { nodeSql } from "./sqlite.ts";

const NOW = Date.UTC(2026, 10, 27);
const CALL: UploadCall = { kind: "image", content_type: "image/png", size: 10, sha256: "0".repeat(64) };
const claims = (user_id: string) => ({ user_id, exp: NOW });
const ADMITTED = async () => ({ ok: true as const });

beforeEach(() => vi.useFakeTimers({ toFake: ["Date"], now: NOW }));
afterEach(() => vi.useRealTimers());

/** What uploads need of a session that is registered. */
function session(userId = "ann", sql = nodeSql()): Uploads {
  const store = new SessionStore(sql);
  store.commitRegistered(userId, NOW);
  return new Uploads({ userId, isRegistered: true, store, settings: DEFAULT_SETTINGS }, ADMITTED);
}

async function started(uploads: Uploads, call = CALL): Promise<string> {
  const begun = await uploads.start(claims("ann"), call);
  if (!begun.ok) throw new Error(begun.code);
  expect(begun.expires_at).toBe(Date.now() + UNSENT_MS);
  return begun.upload.key;
}

test("[A18] an upload is kept as it was announced, over a wake, and goes when it is sent or dropped", async () => {
  const sql = nodeSql();
  const uploads = session("ann", sql);
  const [sent, dropped] = [await started(uploads), await started(uploads, { ...CALL, size: 11 })];
  expect(v.is(UploadKey, sent)).toBe(true);
  const again = session("ann", sql);
  expect(again.read(sent)).toEqual({ ...CALL, key: sent, upload_id: null, created_at: NOW });
  again.sent(sent);
  again.drop(dropped);
  expect([uploads.read(sent), uploads.read(dropped)]).toEqual([null, null]);
});

test("[A18] one waits for its time and not a millisecond longer, and is cleared with the next that is announced", async () => {
  const sql = nodeSql();
  const uploads = session("ann", sql);
  const key = await started(uploads);
  vi.setSystemTime(NOW + UNSENT_MS - 1);
  expect(uploads.read(key)).not.toBeNull();
  vi.setSystemTime(NOW + UNSENT_MS);
  expect(uploads.read(key)).toBeNull();
  expect(uploads.setUploadId({ key, upload_id: "late" })).toEqual({ ok: false, code: "media_not_found" });
  expect(sql.all("SELECT key FROM uploads")).toHaveLength(1);
  const next = await started(uploads);
  expect(sql.all("SELECT key FROM uploads")).toEqual([{ key: next }]);
});

test("[A18] past the most that may wait a user is told when there is room again, and then there is", async () => {
  const uploads = session();
  for (let i = 0; i < PENDING_UPLOADS; i++) {
    if (i === 1) vi.setSystemTime(NOW + 1_000);
    await started(uploads);
  }
  expect(await uploads.start(claims("ann"), CALL)).toEqual({ ok: false, code: "too_many_uploads", retry_after_ms: UNSENT_MS - 1_000 });
  vi.setSystemTime(NOW + UNSENT_MS);
  await started(uploads);
  expect(await uploads.start(claims("ann"), CALL)).toMatchObject({ ok: false, code: "too_many_uploads" });
});

test("[A18] the same file announced again under its key is one upload; anything else under it is another", async () => {
  const sql = nodeSql();
  const uploads = session("ann", sql);
  const key = await started(uploads);
  const again = await uploads.start(claims("ann"), { ...CALL, key });
  expect(again).toMatchObject({ ok: true, upload: { key }, expires_at: NOW + UNSENT_MS });
  expect(sql.all("SELECT key FROM uploads")).toHaveLength(1);
  for (const changed of [{ size: 11 }, { sha256: "1".repeat(64) }, { content_type: "image/gif" }, { kind: "video" as const }, { key: `up/bob/${"0".repeat(32)}` }]) {
    const other = await uploads.start(claims("ann"), { ...CALL, key, ...changed });
    expect(other.ok && other.upload.key).not.toBe(key);
  }
  // An address that is signed now would outlive it.
  vi.setSystemTime(NOW + UNSENT_MS - UPLOAD_URL_S * 1_000);
  const late = await uploads.start(claims("ann"), { ...CALL, key });
  expect(late.ok && late.upload.key).not.toBe(key);
});

test("[A18] of an upload in parts the store's id stays the first, and the newest ETag of each part counts", async () => {
  const sql = nodeSql();
  const uploads = session("ann", sql);
  const key = await started(uploads, { ...CALL, kind: "video", content_type: "video/mp4", size: 200 * 1024 * 1024 });
  expect(await uploads.readParts(claims("ann"), { key, etags: [{ part: 1, etag: "early" }] })).toMatchObject({ etags: [] });
  expect(uploads.setUploadId({ key, upload_id: "first" })).toMatchObject({ upload: { upload_id: "first" } });
  expect(uploads.setUploadId({ key, upload_id: "second" })).toMatchObject({ upload: { upload_id: "first" } });
  await uploads.readParts(claims("ann"), { key, etags: [{ part: 2, etag: "b" }, { part: 1, etag: "a" }] });
  expect(await uploads.readParts(claims("ann"), { key, etags: [{ part: 2, etag: "c" }] })).toMatchObject({ ok: true, etags: [{ part: 1, etag: "a" }, { part: 2, etag: "c" }] });
  uploads.drop(key);
  expect([sql.all("SELECT key FROM uploads"), sql.all("SELECT key FROM upload_parts")]).toEqual([[], []]);
});

test("[A18] who is not admitted announces nothing and learns nothing", async () => {
  const sql = nodeSql();
  const key = await started(session("ann", sql));
  const refused = new Uploads({ userId: "ann", isRegistered: true, store: new SessionStore(sql), settings: DEFAULT_SETTINGS }, async () => ({ ok: false, code: "rate_limited" }));
  expect(await refused.start(claims("ann"), CALL)).toEqual({ ok: false, code: "rate_limited" });
  expect(await refused.readParts(claims("ann"), { key, etags: [{ part: 1, etag: "a" }] })).toEqual({ ok: false, code: "rate_limited" });
  expect([sql.all("SELECT key FROM uploads"), sql.all("SELECT key FROM upload_parts")]).toEqual([[{ key }], []]);
});

test.each(["ann", ".", "..", "...", "a|b@c:d+e_f-g.h"])("[A18] a key of the user %j is one step of a path below up/, whatever reads it", (user) => {
  const key = `${uploadPrefix(user)}${"0".repeat(32)}`;
  expect(v.is(UploadKey, key)).toBe(true);
  expect(new URL(`http://store.test/bucket/${key}`).pathname.split("/").slice(0, 3)).toEqual(["", "bucket", "up"]);
  expect(new URL(`http://store.test/bucket/${key}`).pathname.split("/")).toHaveLength(5);
});

test.each([`up/../${"0".repeat(32)}`, `up/./${"0".repeat(32)}`, `up/a/b/${"0".repeat(32)}`, `up/~~~/${"0".repeat(32)}`, `up//${"0".repeat(32)}`, "up/ann/x", `m/../up/${"0".repeat(32)}`])("[A18] %j is no upload's key", (key) => {
  expect(v.is(UploadKey, key)).toBe(false);
});
