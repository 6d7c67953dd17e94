// What somebody tries with files who is allowed a little, end to end: the same on every store.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { MediaBucket } from "../../media/bucket.ts";
import { put, sha256Of } from "../media/files.ts";
import { announce, fetched, kindFile, sendFile, trySend, upload, urlOf } from "../media/sending.ts";
import { png } from "../media/samples.ts";
import type { Product } from "../product.ts";
import { codeOf, newUser, User } from "./api.ts";
import { archiverCommand } from "./archiver-command.ts";

export interface AttackedPlace {
  product: Product;
  /** The product's own store. */
  bucket: MediaBucket;
}

export function mediaAttacks(start: () => Promise<AttackedPlace>): void {
  let product: Product;
  let bucket: MediaBucket;
  let seeds = 500;
  const picture = () => kindFile("image", "image/png", png(seeds += 1));
  const two = async (): Promise<[User, User]> => [await newUser(product, "ann"), await newUser(product, "bob")];

  beforeAll(async () => {
    ({ product, bucket } = await start());
  });
  afterAll(() => product.discard());

  test("[A18] [A19] whatever is written over an upload that was sent, everybody gets what was sent; nor does it become another message", async () => {
    const [ann, bob] = await two();
    const [file, other] = [picture(), picture()];
    const signed = await announce(ann, file);
    expect((await put(signed, file.bytes)).ok).toBe(true);
    const sent = await trySend(ann, bob, { content_type: "image", media_key: signed.key });
    const { conversation_id, media_key = "" } = sent.body;
    // As long as the address is good it takes bytes of that length; a store that looks at them takes no others.
    await put(signed, other.bytes.length === file.bytes.length ? other.bytes : file.bytes.map((byte) => byte ^ 1));
    expect((await put(signed, file.bytes)).ok).toBe(true);
    await put(signed, file.bytes.map((byte) => byte ^ 1));
    for (const user of [ann, bob]) expect(sha256Of((await fetched(user, conversation_id, media_key)).bytes)).toBe(file.sha256);
    expect(codeOf(await trySend(ann, bob, { content_type: "image", media_key: signed.key }))).toBe("404 media_not_found");
  });

  test("[A19] an address opens its one file, to read, until its time is over, and as the type that it has", async () => {
    const [ann, bob] = await two();
    const [mine, others] = [await sendFile(ann, bob, picture()), await sendFile(bob, ann, picture())];
    const { url } = (await urlOf(bob, mine.conversation_id, mine.media_key)).body;
    const bare = new URL(url);
    bare.search = "";
    const uploaded = await upload(ann, picture());
    const elsewhere = (to: string): string => url.replace(mine.media_key, to);
    const tried: [string, RequestInit?][] = [
      [elsewhere(others.media_key)], [elsewhere(uploaded)], [elsewhere(mine.media_key.replace("m/", "h/"))], [elsewhere(`${mine.media_key}.1`)], [elsewhere(`x/../${others.media_key}`)], [elsewhere("")],
      [url.replace("X-Amz-Expires=300", "X-Amz-Expires=604800")], [url.replace(/X-Amz-Date=\d{8}/, "X-Amz-Date=20991231")],
      [url.replace(/response-content-type=[^&]*/, "response-content-type=text%2Fhtml")], [url.replace(/response-content-disposition=[^&]*/, "response-content-disposition=attachment")],
      [url, { method: "PUT", body: "x" }], [url, { method: "DELETE" }], [`${url}&acl`], [bare.href], [bare.href, { method: "DELETE" }], [bare.href.replace(`/${mine.media_key}`, "?list-type=2")],
    ];
    for (const [at, init] of tried) {
      const { status } = await fetch(at, init);
      expect([at, status >= 400 && status < 500]).toEqual([at, true]);
    }
    expect((await fetch(url)).status).toBe(200);
    const late = await bucket.signGet({ key: mine.media_key, content_type: "image/png" }, product.url, Date.now() - 301_000);
    expect((await fetch(late.url)).status).toBe(403);
    for (const { conversation_id, media_key } of [mine, others]) expect((await fetched(ann, conversation_id, media_key)).status).toBe(200);
  });

  test("[A19] who was removed can't send on what they once saw, and who was never there can't by any name of it", async () => {
    const [ann, bob, eve] = [...(await two()), await newUser(product, "eve")] as const;
    const { conversation_id } = await ann.group([bob]);
    const { media_key } = await sendFile(ann, conversation_id, picture());
    const forward = (user: User, more: object) => trySend(user, eve === user ? ann : eve, { content_type: "image", media_key, media_from: conversation_id, ...more });
    expect((await forward(bob, {})).status).toBe(201);
    await ann.call("DELETE", `/v1/conversations/${conversation_id}/members/${bob.name}`);
    const names = [media_key, `${media_key}.1`, media_key.replace("m/", "h/"), media_key.toUpperCase(), `/${media_key}`, `${media_key}/`, encodeURIComponent(media_key), `up/../${media_key}`, `https://elsewhere.invalid/${media_key}`];
    for (const name of names) expect([name, codeOf(await forward(bob, { media_key: name }))]).toEqual([name, "404 media_not_found"]);
    // Eve has it from Bob, in their own conversation; of the group she knows nothing.
    expect(codeOf(await forward(eve, {}))).toBe("404 media_not_found");
  });

  test("[A5] [B14] many messages at once with one upload, and with one content, are each there or refused, and the file is whole", async () => {
    const [ann, bob] = await two();
    const file = picture();
    const key = await upload(ann, file);
    const once = await Promise.all(Array.from({ length: 8 }, () => trySend(ann, bob, { client_msg_id: "one", content_type: "image", media_key: key })));
    const acks = once.map(({ body }) => (body as { seq?: number }).seq);
    expect(acks).toEqual(acks.map(() => 1));
    const keys = await Promise.all(Array.from({ length: 6 }, () => upload(ann, file)));
    const each = await Promise.all(keys.map((media_key) => trySend(ann, bob, { content_type: "image", media_key })));
    expect(new Set(each.map(({ status, body }) => `${status} ${body.media_key}`)).size).toBe(1);
    const [{ body: { conversation_id, media_key = "" } }] = each as [(typeof each)[number]];
    const socket = await ann.socket();
    // Sent and deleted in the same moment, again and again.
    await Promise.all([0, 1, 2, 3].map(async () => {
      const sent = await sendFile(ann, bob, file);
      await socket.ask({ type: "delete", conversation_id, target_msg_id: sent.msg_id, client_msg_id: randomUUID() });
    }));
    expect(sha256Of((await fetched(bob, conversation_id, media_key)).bytes)).toBe(file.sha256);
  });

  test("[X4] erasing somebody takes no upload of a user whose name begins with theirs", async () => {
    const names = ["eve", "eve1", "eve-", "ev"].map((name) => `${name}${"x".repeat(3)}`);
    const [eve, ...others] = await Promise.all([`zoe`, `zoe1`, `zoe-2`, `zo`, ...names].map(async (name) => new User(product, name, await product.token(name)))) as [User, ...User[]];
    const keys = await Promise.all(others.map((user) => upload(user, picture())));
    const gone = await upload(eve, picture());
    expect(await archiverCommand(product, ["erase", eve.name])).toMatchObject({ code: 0, lines: [{ erased: { uploads: 1 } }] });
    expect(await bucket.head(gone)).toBeNull();
    for (const key of keys) expect([key, (await bucket.head(key)) !== null]).toEqual([key, true]);
  });
}
