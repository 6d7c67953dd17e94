// The one class that speaks with stores of files, on both that the project runs on in tests.
import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { MediaBucket, StoreUnavailable } from "../../media/bucket.ts";
import { uploadPrefix } from "../../protocol/media.ts";
import { anyFile, put, sha256Of, type TestFile } from "./files.ts";
import { type MediaStore, onIndependent, onLocalR2 } from "./stores.ts";

const MIB = 1024 * 1024;
const id = (): string => randomBytes(16).toString("hex");
/** With every character that an id may have. */
const keyOf = (user = "Ann._:@|+-"): string => `${uploadPrefix(user)}${id()}`;

describe.each([["local R2", onLocalR2], ["versitygw", onIndependent]] as const)("%s", (name, start) => {
  let store: MediaStore;
  let bucket: MediaBucket;
  beforeAll(async () => {
    store = await start();
    ({ bucket } = store);
  });

  const signed = (key: string, file: TestFile, at = Date.now()) => bucket.signPut({ key, ...file }, store.reached, at);

  async function stored(file: TestFile): Promise<{ key: string; etag: string }> {
    const key = keyOf();
    expect((await put(await signed(key, file), file.bytes)).status).toBe(200);
    return { key, etag: (await bucket.head(key))?.etag ?? "" };
  }

  test("[A18] what was announced goes up, and is there with its length and type", async () => {
    const file = anyFile(100_000, "image/png");
    const { key, etag } = await stored(file);
    expect(await bucket.head(key)).toEqual({ size: 100_000, content_type: "image/png", etag });
    expect(await bucket.readHash(key, etag)).toBe(file.sha256);
    expect(await bucket.readStart(key, etag, 4_096)).toEqual(file.bytes.subarray(0, 4_096));
  });

  test("[A18] the users . and .. have a place of their own below up/", async () => {
    for (const user of [".", ".."]) {
      const file = anyFile(10);
      const key = keyOf(user);
      expect((await put(await signed(key, file), file.bytes)).status).toBe(200);
      expect(await bucket.head(key)).toMatchObject({ size: 10 });
      expect((await bucket.list({ prefix: uploadPrefix(user) })).objects.map((object) => object.key)).toEqual([key]);
    }
  });

  test("[A18] a URL is good for 300 s and not for 301", async () => {
    const file = anyFile(10);
    const now = Date.now();
    const early = await signed(keyOf(), file, now - 290_000);
    expect(early.expires_at).toBeGreaterThan(now);
    expect(early.expires_at).toBeLessThanOrEqual(now + 10_000);
    expect((await put(early, file.bytes)).status).toBe(200);
    expect((await put(await signed(keyOf(), file, now - 301_000), file.bytes)).status).toBe(403);
  });

  test("[A18] another length, type, key, method or announced hash is refused, and nothing is stored", async () => {
    const file = anyFile(1_000, "image/png");
    const key = keyOf();
    const url = await signed(key, file);
    const other = keyOf();
    const refused = await Promise.all([
      put(url, file.bytes.subarray(1)),
      put(url, anyFile(1_001).bytes),
      put(url, new Uint8Array()),
      put(url, file.bytes, { "content-type": "text/html" }),
      put(url, file.bytes, { "x-amz-checksum-sha256": btoa("x".repeat(32)) }),
      put({ ...url, url: url.url.replace(key.slice(-32), other.slice(-32)) }, file.bytes),
      put({ ...url, url: url.url.replace(/\/[0-9a-f]{32}\?/, "/../../m/0?") }, file.bytes),
      put({ ...url, url: url.url.replace("X-Amz-Expires=300", "X-Amz-Expires=3000") }, file.bytes),
      fetch(url.url),
      fetch(url.url, { method: "DELETE" }),
    ]);
    expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 403));
    expect([await bucket.head(key), await bucket.head(other)]).toEqual([null, null]);
  });

  test("[A18] other bytes of the same length are refused by the store, or found by reading", async () => {
    const file = anyFile(1_000);
    const key = keyOf();
    const { status } = await put(await signed(key, file), anyFile(1_000).bytes);
    const head = await bucket.head(key);
    if (bucket.settings.verifiesSha256) {
      expect([status, head]).toEqual([400, null]);
    } else {
      expect(status).toBe(200);
      expect(await bucket.readHash(key, head?.etag ?? "")).not.toBe(file.sha256);
    }
  });

  test("[B20] a download has the type and disposition of its content, is a file unless a browser may show it, and comes in ranges", async () => {
    for (const [type, kind] of [["image/png", "inline"], ["text/html", "attachment"], ["image/svg+xml", "attachment"]] as const) {
      const file = anyFile(5_000, type);
      const { key, etag } = await stored(file);
      const content = `m/${sha256Of(file.bytes)}`;
      expect(await bucket.copy({ from: key, etag, to: content, content_type: type })).toBe("copied");
      const { url, expires_at } = await bucket.signGet({ key: content, content_type: type, name: "ä'(1).x" }, store.reached, Date.now());
      expect(expires_at).toBeGreaterThan(Date.now() + 298_000);
      const whole = await fetch(url);
      expect([whole.status, whole.headers.get("content-type"), whole.headers.get("content-disposition")?.split(";")[0]]).toEqual([200, type, kind]);
      expect(whole.headers.get("cache-control")).toBe("private, max-age=31536000, immutable");
      expect(sha256Of(new Uint8Array(await whole.arrayBuffer()))).toBe(file.sha256);
      const range = await fetch(url, { headers: { range: "bytes=1000-1999" } });
      expect([range.status, range.headers.get("content-range")]).toEqual([206, "bytes 1000-1999/5000"]);
      expect(new Uint8Array(await range.arrayBuffer())).toEqual(file.bytes.subarray(1_000, 2_000));
      expect((await fetch(url, { headers: { "if-none-match": whole.headers.get("etag") ?? "" } })).status).toBe(304);
    }
    const { url } = await bucket.signGet({ key: "m/none", content_type: "image/png" }, store.reached, Date.now() - 301_000);
    expect((await fetch(url)).status).toBe(403);
  });

  test("[B14] a copy is made of the bytes that were looked at, or not at all", async () => {
    const file = anyFile(100);
    const { key, etag } = await stored(file);
    expect((await put(await bucket.signPut({ key, ...anyFile(100) }, store.reached, Date.now()), anyFile(100).bytes).then(({ status }) => status))).toBe(bucket.settings.verifiesSha256 ? 400 : 200);
    const replaced = anyFile(100);
    expect((await put(await signed(key, replaced), replaced.bytes)).status).toBe(200);
    expect(await bucket.copy({ from: key, etag, to: "m/copy", content_type: "image/png" })).toBe("changed");
    expect([await bucket.readHash(key, etag), await bucket.readStart(key, etag, 10)]).toEqual([null, null]);
    expect(await bucket.copy({ from: keyOf(), etag, to: "m/copy", content_type: "image/png" })).toBe("absent");
    expect(await bucket.head("m/copy")).toBeNull();
  });

  test("[B14] what is removed is gone, and removing it again is no error", async () => {
    const { key, etag } = await stored(anyFile(10));
    await bucket.remove(key);
    await bucket.remove(key);
    expect([await bucket.head(key), await bucket.readStart(key, etag, 1), await bucket.readHash(key, etag)]).toEqual([null, null, null]);
  });

  test("[A18] an upload in parts: each signed by its length, put together in their order, and gone from the list", async () => {
    const parts = [anyFile(5 * MIB), anyFile(1_234)];
    const key = keyOf();
    const upload_id = await bucket.createUpload(key, "video/mp4");
    const url = await bucket.signPart({ key, upload_id, part: 1, size: 100 }, store.reached, Date.now());
    expect((await put(url, anyFile(99).bytes)).status).toBe(403);
    expect((await put({ ...url, url: url.url.replace("partNumber=1", "partNumber=2") }, anyFile(100).bytes)).status).toBe(403);
    const etags = await Promise.all(parts.map(async ({ bytes, size }, i) => {
      const answer = await put(await bucket.signPart({ key, upload_id, part: i + 1, size }, store.reached, Date.now()), bytes);
      return { part: i + 1, etag: answer.headers.get("etag") ?? "" };
    }));
    const listed = await bucket.listParts(key, upload_id);
    if (name === "local R2") expect(listed).toBe("unsupported");
    else expect(listed).toEqual(etags.map((part, i) => ({ ...part, size: parts[i]?.size })));
    expect(await bucket.completeUpload(key, upload_id, [...etags, { part: 3, etag: '"none"' }])).toBe("invalid");
    expect(await bucket.completeUpload(key, upload_id, etags)).toBe("completed");
    const head = await bucket.head(key);
    expect(head).toMatchObject({ size: 5 * MIB + 1_234, content_type: "video/mp4" });
    expect(await bucket.readHash(key, head?.etag ?? "")).toBe(sha256Of(Buffer.concat(parts.map(({ bytes }) => bytes))));
    // One store remembers what it has completed, the other does not.
    expect(await bucket.completeUpload(key, upload_id, etags)).toBe(name === "local R2" ? "absent" : "completed");
    expect(await bucket.head(key)).toEqual(head);
    const aborted = await bucket.createUpload(keyOf(), "video/mp4");
    await bucket.abortUpload(key, aborted);
  });

  test("[A21] a listing goes on from any key", async () => {
    const prefix = uploadPrefix(`list-${id()}`);
    const keys = Array.from({ length: 1_003 }, (_, i) => `${prefix}${String(i).padStart(32, "0")}`);
    const file = anyFile(1);
    for (let from = 0; from < keys.length; from += 50) {
      await Promise.all(keys.slice(from, from + 50).map(async (key) => expect((await put(await signed(key, file), file.bytes)).status).toBe(200)));
    }
    const first = await bucket.list({ prefix });
    expect(first.objects.map(({ key }) => key)).toEqual(keys.slice(0, 1_000));
    expect(first.objects[0]?.size).toBe(1);
    expect(Math.abs((first.objects[0]?.at ?? 0) - Date.now())).toBeLessThan(60_000);
    const second = await bucket.list({ prefix, after: first.next ?? "" });
    expect([second.objects.map(({ key }) => key), second.next]).toEqual([keys.slice(1_000), null]);
  });

  test("[A18] a store that refuses us, or is not there, is unavailable", async () => {
    const stranger = new MediaBucket({ ...bucket.settings, secretAccessKey: "another" });
    await expect(stranger.head("m/none")).rejects.toThrow(StoreUnavailable);
    const nowhere = new MediaBucket({ ...bucket.settings, endpoint: "http://127.0.0.1:9" });
    await expect(nowhere.list({ prefix: "m/" })).rejects.toThrow(StoreUnavailable);
  });
});
