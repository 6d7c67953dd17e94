// Uploads as a client makes them, against a started product, whatever its store.
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { connect } from "../../client/client.ts";
import type { MediaBucket } from "../../media/bucket.ts";
import { type DownloadAnswer, MEDIA_LIMITS, PART_BYTES, type PartsAnswer, PENDING_UPLOADS, type SignedPut } from "../../protocol/media.ts";
import type { Product } from "../product.ts";
import { type Answer, codeOf, errorOf, newUser, request, type User } from "../e2e/api.ts";
import { anyFile, put, sha256Of, type TestFile } from "./files.ts";

export interface UploadPlace {
  product: Product;
  /** The product's own store. */
  bucket: MediaBucket;
}

type Started = { key: string } & SignedPut;
type Begun = { key: string; upload_id: string; part_size: number; parts: number; expires_at: number };

const MIB = 1024 * 1024;
const run = promisify(execFile);
const place = (key: string, area = ""): string => `/api/media/${encodeURIComponent(key)}${area}`;

export function announce<T = Started>(user: User, file: Pick<TestFile, "size" | "sha256" | "content_type">, type = "document", more: object = {}): Promise<Answer<T>> {
  return user.call<T>("POST", `/api/media/upload-url?type=${type}&size=${file.size}`, { sha256: file.sha256, content_type: file.content_type, ...more });
}

/** @param start a product without a rate limit */
export function uploadsSuite(start: () => Promise<UploadPlace>): void {
  let product: Product;
  let bucket: MediaBucket;
  beforeAll(async () => {
    ({ product, bucket } = await start());
  });
  afterAll(() => product.discard());

  const person = (): Promise<User> => newUser(product, `up.:@|+-${Math.random().toString(36).slice(2)}`);

  async function announced(user: User, file: TestFile, type = "document"): Promise<Started> {
    const answer = await announce(user, file, type);
    expect(answer.status, answer.text).toBe(200);
    return answer.body;
  }

  /** Signed as the product signs, at another time. */
  const signedAt = (key: string, file: TestFile, at: number): Promise<SignedPut> => bucket.signPut({ key, ...file }, product.url, at);

  test("[A18] what is announced goes up to an address that is good for 300 s, under a key of its user alone", async () => {
    const ann = await person();
    const file = anyFile(200_000, "image/png");
    const { key, url, headers, expires_at } = await announced(ann, file, "image");
    expect(key).toMatch(new RegExp(`^up/${ann.name.replace(/[.|+]/g, "\\$&")}/[0-9a-f]{32}$`));
    expect(headers).toEqual({ "content-type": "image/png", "x-amz-checksum-sha256": Buffer.from(file.sha256, "hex").toString("base64") });
    expect(new URL(url).searchParams.get("X-Amz-Expires")).toBe("300");
    expect(new URL(url).searchParams.get("X-Amz-SignedHeaders")).toBe("content-length;content-type;host;x-amz-checksum-sha256");
    expect(Math.abs(expires_at - Date.now() - 300_000)).toBeLessThan(10_000);
    expect((await put({ url, headers, expires_at }, file.bytes)).status).toBe(200);
    const stored = await bucket.head(key);
    expect(stored).toMatchObject({ size: file.size, content_type: "image/png" });
    expect(await bucket.readHash(key, stored?.etag ?? "")).toBe(file.sha256);
  });

  test("[A18] [B20] with nothing but curl a file goes to the store and comes from there, and no byte of it passes the edge", async () => {
    const [ann, bob] = [await person(), await person()];
    const file = anyFile(70_000, "application/octet-stream");
    const [source, target] = [path.join(product.dataDir, "source"), path.join(product.dataDir, "target")];
    writeFileSync(source, file.bytes);
    const { stdout } = await run("curl", [
      "-sS", "--fail", "-X", "POST", `${product.url}/api/media/upload-url?type=document&size=${file.size}`, "-H", `Authorization: Bearer ${ann.token}`,
      "-d", JSON.stringify({ sha256: file.sha256, content_type: file.content_type }),
    ]);
    const { key, url, headers } = JSON.parse(stdout) as Started;
    await run("curl", ["-sS", "--fail", "-T", source, ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]), url]);
    const bearer = ["-H", `Authorization: Bearer ${ann.token}`];
    const sent = await run("curl", ["-sS", "--fail", "-X", "POST", `${product.url}/v1/messages`, ...bearer, "-d", JSON.stringify({ to: bob.name, client_msg_id: "curl", content_type: "document", media_key: key })]);
    const { conversation_id, media_key } = JSON.parse(sent.stdout) as { conversation_id: string; media_key: string };
    const given = await run("curl", ["-sS", "--fail", `${product.url}${place(media_key, "/url")}?conversation_id=${conversation_id}`, ...bearer]);
    const from = (JSON.parse(given.stdout) as DownloadAnswer).url;
    const store = new URL(bucket.settings.origin, product.url);
    for (const address of [url, from]) expect([new URL(address).origin, new URL(address).pathname.startsWith(`${store.pathname.replace(/\/$/, "")}/${bucket.settings.bucket}/`)]).toEqual([store.origin, true]);
    await run("curl", ["-sS", "--fail", "-o", target, from]);
    const part = await run("curl", ["-sS", "--fail", "-i", "-r", "0-9", from], { encoding: "latin1" });
    expect(part.stdout.toLowerCase()).toMatch(/^http\/1\.1 206 [\s\S]*cache-control: private, max-age=\d+, immutable\r\n/);
    const back = await run("sha256sum", [target]);
    expect(back.stdout.slice(0, 64)).toBe(file.sha256);
  });

  test("[A18] what may not be is refused before anything is signed", async () => {
    const ann = await person();
    const file = anyFile(10, "image/png");
    const image = MEDIA_LIMITS.image.bytes;
    const anonymous = await request(`${product.url}/api/media/upload-url?type=image&size=10`, "POST", { body: JSON.stringify({ sha256: file.sha256, content_type: "image/png" }) });
    expect(codeOf(anonymous)).toBe("401 unauthorized");
    const answers = await Promise.all([
      announce(ann, { ...file, size: image }, "image"),
      announce(ann, { ...file, size: image + 1 }, "image"),
      announce(ann, { ...file, size: 999_999_999_999_999 }, "image"),
      announce(ann, file, "program"),
      announce(ann, file, "text"),
      announce(ann, file, "video"),
      announce(ann, { ...file, content_type: "application/x-sh" }, "document"),
      announce(ann, { ...file, content_type: "image/png; charset=x" }, "image"),
      announce(ann, { ...file, size: 0 }, "image"),
      announce(ann, { ...file, size: -1 }, "image"),
      announce(ann, { ...file, size: 1.5 }, "image"),
      announce(ann, { ...file, sha256: "0".repeat(63) }, "image"),
      announce(ann, { ...file, sha256: file.sha256.toUpperCase().replace(/\d/g, "A") }, "image"),
      ann.call("POST", "/api/media/upload-url?type=image", { sha256: file.sha256, content_type: "image/png" }),
      ann.call("POST", "/api/media/upload-url?type=image&size=10", []),
      ann.call("GET", "/api/media/upload-url?type=image&size=10"),
    ]);
    expect(answers.map((answer) => (answer.status === 200 ? "200" : codeOf(answer)))).toEqual([
      "200", "413 media_too_large", "413 media_too_large", "400 bad_request", "400 bad_request", "400 media_type_refused", "400 media_type_refused",
      "400 media_type_refused", "400 bad_request", "400 bad_request", "400 bad_request", "400 bad_request", "400 bad_request", "400 bad_request",
      "400 bad_request", "405 method_not_allowed",
    ]);
  });

  test("[A18] an address takes no other length, type, key, time or hash, and after any of that still what it is for", async () => {
    const ann = await person();
    const file = anyFile(1_000, "image/png");
    const url = await announced(ann, file, "image");
    const other = await announced(ann, file, "image");
    const refused = await Promise.all([
      put(url, file.bytes.subarray(1)),
      put(url, anyFile(1_001).bytes),
      put(url, new Uint8Array()),
      put(url, file.bytes, { "content-type": "text/html" }),
      put(url, file.bytes, { "x-amz-checksum-sha256": Buffer.from(sha256Of(anyFile(1).bytes), "hex").toString("base64") }),
      put({ ...url, url: url.url.replace(url.key.slice(-32), other.key.slice(-32)) }, file.bytes),
      put({ ...url, url: url.url.replace(url.key.slice(-32), `../../m/${"0".repeat(64)}`) }, file.bytes),
      put({ ...url, url: url.url.replace("X-Amz-Expires=300", "X-Amz-Expires=604800") }, file.bytes),
      put({ ...url, url: url.url.replace(/X-Amz-SignedHeaders=[^&]*/, "X-Amz-SignedHeaders=host") }, file.bytes),
      put(await signedAt(url.key, file, Date.now() - 301_000), file.bytes),
      fetch(url.url),
      fetch(url.url, { method: "DELETE" }),
    ]);
    expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 403));
    expect([await bucket.head(url.key), await bucket.head(other.key)]).toEqual([null, null]);
    expect((await put(await signedAt(other.key, file, Date.now() - 290_000), file.bytes)).status).toBe(200);
    expect((await put(url, file.bytes)).status).toBe(200);
  });

  test("[A18] other bytes of the same length are refused where the store looks, and found otherwise", async () => {
    const file = anyFile(1_000);
    const url = await announced(await person(), file);
    const { status } = await put(url, anyFile(1_000).bytes);
    const head = await bucket.head(url.key);
    if (bucket.settings.verifiesSha256) expect([status, head]).toEqual([400, null]);
    else expect(await bucket.readHash(url.key, head?.etag ?? "")).not.toBe(file.sha256);
  });

  test("[A18] written twice it is there once, the same", async () => {
    const file = anyFile(1_000);
    const url = await announced(await person(), file);
    expect([(await put(url, file.bytes)).status, (await put(url, file.bytes)).status]).toEqual([200, 200]);
    const head = await bucket.head(url.key);
    expect([head?.size, await bucket.readHash(url.key, head?.etag ?? "")]).toEqual([1_000, file.sha256]);
  });

  test("[A18] an upload is its user's own: to others, and by whatever path, it is as one that is not there", async () => {
    const [ann, eve] = [await person(), await person()];
    const big = { size: 101 * MIB, sha256: "0".repeat(64), content_type: "video/mp4" };
    const { key } = (await announce<Begun>(ann, big, "video")).body;
    const single = await announced(ann, anyFile(10));
    const id = key.slice(-32);
    const keys = [
      key, `up/${eve.name}/${id}`, `up/${eve.name}/../${key.slice(3)}`, `up/./${key.slice(3)}`, `${key}/..`, "..", ".", "m/".padEnd(66, "0"), "up/", key.toUpperCase(), `${key}\u0000`, `${key}?`, "%", "a".repeat(4_000),
    ];
    for (const [method, area] of [["POST", "/parts?part=1"], ["GET", "/parts"], ["POST", "/complete"], ["DELETE", ""]] as const) {
      // What a URL parser makes a step of its path is another route.
      const asked = keys.filter((name) => !/^\.{1,2}$/.test(name));
      const answers = await Promise.all(asked.map((name) => eve.call(method, place(name, area))));
      expect(answers.map(codeOf), method).toEqual(answers.map(() => "404 media_not_found"));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    }
    // One that goes up whole has no parts.
    expect(codeOf(await ann.call("GET", place(single.key, "/parts")))).toBe("404 media_not_found");
    expect((await ann.call("GET", place(key, "/parts"))).body).toEqual({ parts: [] });
    expect((await ann.call("DELETE", place(key))).status).toBe(204);
    expect(codeOf(await ann.call("DELETE", place(key)))).toBe("404 media_not_found");
  });

  test(`[A18] of one user ${PENDING_UPLOADS} uploads may wait; one that is dropped makes room, and nobody else notices`, async () => {
    const [ann, bob] = [await person(), await person()];
    const file = anyFile(10);
    const keys: string[] = [];
    for (let i = 0; i < PENDING_UPLOADS; i += 50) keys.push(...(await Promise.all(Array.from({ length: 50 }, () => announced(ann, file)))).map(({ key }) => key));
    expect(new Set(keys).size).toBe(PENDING_UPLOADS);
    const refused = await announce(ann, file);
    expect(codeOf(refused)).toBe("429 too_many_uploads");
    expect(errorOf(refused)).toMatchObject({ retryable: true });
    expect(errorOf(refused).retry_after_ms).toBeGreaterThan(86_000_000);
    await announced(bob, file);
    const first = keys[0] as string;
    expect((await put(await signedAt(first, file, Date.now()), file.bytes)).status).toBe(200);
    expect((await ann.call("DELETE", place(first))).status).toBe(204);
    expect(await bucket.head(first)).toBeNull();
    await announced(ann, file);
    expect(codeOf(await announce(ann, file))).toBe("429 too_many_uploads");
  });

  test("[A18] announced again under its key a file is signed anew and waits once; under somebody else's it is a file of one's own", async () => {
    const [ann, eve] = [await person(), await person()];
    const file = anyFile(100);
    const first = await announced(ann, file);
    const again = (await announce(ann, file, "document", { key: first.key })).body;
    expect(again.key).toBe(first.key);
    expect((await put(again, file.bytes)).status).toBe(200);
    const eves = (await announce(eve, file, "document", { key: first.key })).body;
    expect(eves.key.startsWith(`up/${eve.name}/`)).toBe(true);
    const big = { size: 101 * MIB, sha256: file.sha256, content_type: "video/mp4" };
    const begun = (await announce<Begun>(ann, big, "video")).body;
    expect((await announce<Begun>(ann, big, "video", { key: begun.key })).body).toEqual(begun);
  });

  test("[A18] a file over 100 MiB goes up in parts, over a kill -9 of everything and from another device, and is whole", async () => {
    const ann = await person();
    const file = anyFile(101 * MIB + 17, "video/mp4");
    const partOf = (part: number) => file.bytes.subarray((part - 1) * PART_BYTES, part * PART_BYTES);
    const begun = (await announce<Begun>(ann, file, "video")).body;
    expect(begun).toMatchObject({ part_size: PART_BYTES, parts: 7, upload_id: expect.any(String) });
    const etags: { part: number; etag: string }[] = [];
    const write = async (part: number): Promise<void> => {
      const signed = await ann.call<SignedPut>("POST", place(begun.key, `/parts?part=${part}`), { etags });
      expect(signed.status, signed.text).toBe(200);
      const answer = await put(signed.body, partOf(part));
      expect(answer.status).toBe(200);
      etags.push({ part, etag: answer.headers.get("etag") ?? "" });
    };
    for (const part of [1, 2, 7]) await write(part);
    expect(codeOf(await ann.call("POST", place(begun.key, "/parts?part=8")))).toBe("400 bad_request");
    const lacking = await ann.call("POST", place(begun.key, "/complete"));
    expect([codeOf(lacking), errorOf(lacking).message]).toEqual(["409 media_mismatch", expect.stringContaining("3, 4, 5, 6")]);

    await product.killTree();
    await product.restart();
    // The device that began is gone with what it knew; what it had told or the store can list is there.
    etags.length = 0;
    const { parts } = (await ann.call<PartsAnswer>("GET", place(begun.key, "/parts"))).body;
    expect(parts).toEqual(expect.arrayContaining([1, 2].map((part) => ({ part, size: PART_BYTES }))));
    const there = new Set(parts.map(({ part }) => part));
    for (const part of [3, 4, 5, 6, 7].filter((missing) => !there.has(missing))) await write(part);
    const done = await Promise.all([1, 2].map(() => ann.call("POST", place(begun.key, "/complete"), { etags })));
    expect(done.map(({ status }) => status)).toContain(200);
    // Its answer may have been lost.
    expect((await ann.call("POST", place(begun.key, "/complete"), { etags })).body).toEqual({ key: begun.key });
    expect((await ann.call<PartsAnswer>("GET", place(begun.key, "/parts"))).body.parts).toHaveLength(7);
    const head = await bucket.head(begun.key);
    expect(head).toMatchObject({ size: file.size, content_type: "video/mp4" });
    expect(await bucket.readHash(begun.key, head?.etag ?? "")).toBe(file.sha256);
  });

  test("[A18] the client brings a file of 101 MiB over a kill -9 in the middle, and its message is sent once with all of it", async () => {
    const [ann, bob] = [await person(), await person()];
    const file = anyFile(101 * MIB);
    const chat = connect({ url: product.url, token: () => product.token(ann.name), user_id: ann.name, backoff: { base_ms: 50, cap_ms: 500, stable_ms: 10_000 } });
    onTestFinished(() => chat.close());
    const some = Promise.withResolvers<void>();
    const sending = chat.sendMedia({ to: bob.name }, new Blob([file.bytes]), { onProgress: (sent) => sent > 40 * MIB && some.resolve() });
    await some.promise;
    await product.killTree();
    await product.restart();
    const { conversation_id } = await sending.acked;
    const [event, ...more] = (await bob.history(conversation_id)).filter(({ type }) => type === "msg");
    expect([event, more]).toMatchObject([{ content_type: "document", media: { size: file.size } }, []]);
    const { media_key = "" } = event as { media_key?: string };
    const { body } = await bob.call<DownloadAnswer>("GET", `${place(media_key, "/url")}?conversation_id=${conversation_id}`);
    expect(sha256Of(new Uint8Array(await (await fetch(body.url)).arrayBuffer()))).toBe(file.sha256);
  });
}
