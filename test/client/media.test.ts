import { randomBytes } from "node:crypto";
import fc from "fast-check";
import * as v from "valibot";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type ClientEvents, connect, type ConfabClient, type ConnectOptions, fileNameOf, type Message, mediaOf, mediaTypeOf, MEDIA_LIMITS } from "../../client/client.ts";
import { sha256OfFile } from "../../client/media/sha256.ts";
import { MemoryOutboxStore } from "../../client/outbox-store.ts";
import { errorBody } from "../../protocol/errors.ts";
import { Media } from "../../protocol/media.ts";
import { FakeMedia, sha256 } from "./fake-media.ts";
import { contentKey, FakeServer, fakeToken } from "./fake-server.ts";

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const soon = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 5_000, interval: 5 });

async function world(options: Partial<ConnectOptions> = {}): Promise<{ fake: FakeServer; media: FakeMedia; ann: ConfabClient; errors: ClientEvents["error"][] }> {
  const fake = await new FakeServer().start();
  open.push({ close: () => fake.stop() });
  const media = new FakeMedia();
  return { fake, media, ...(await enter(fake, media, options)) };
}

async function enter(fake: FakeServer, media: FakeMedia, options: Partial<ConnectOptions> = {}): Promise<{ ann: ConfabClient; errors: ClientEvents["error"][] }> {
  const before = fake.texts.flat().length;
  const ann = connect({ url: fake.url, token: fakeToken("ann"), user_id: "ann", environment: media.environment, backoff: { base_ms: 20, cap_ms: 100, stable_ms: 1_000 }, ...options });
  open.push(ann);
  const errors: ClientEvents["error"][] = [];
  ann.on("error", (error) => errors.push(error));
  await soon(() => expect(fake.texts.flat().slice(before).some((frame) => frame.type === "resume")).toBe(true));
  return { ann, errors };
}

function photo(size = 500): { file: File; bytes: Uint8Array<ArrayBuffer> } {
  const bytes = new Uint8Array(randomBytes(size));
  return { bytes, file: new File([bytes], "a photo.png", { type: "image/png" }) };
}

const sent = (fake: FakeServer) => fake.chat.direct("ann", "bob").events as unknown as Message[];

describe("a message with a file", () => {
  test("[A19] brings the file to the store first, then goes with its key; the own event has the content's key, type and size", async () => {
    const { fake, media, ann } = await world();
    const { file, bytes } = photo();
    const sending = ann.sendMedia({ to: "bob" }, file, { content: "Look!", media: { width: 4, height: 3 } });
    expect([sending.state, sending.upload?.phase, sending.message.content_type]).toEqual(["PENDING", "reading", "image"]);
    await sending.acked;
    expect(media.only).toMatchObject({ kind: "image", size: 500, sha256: sha256(bytes), content_type: "image/png" });
    expect(media.only.bytes).toEqual(bytes);
    expect(sent(fake)[0]).toMatchObject({ content: "Look!", content_type: "image", media_key: contentKey(media.only.key), media: { name: "a photo.png", width: 4, height: 3 } });
    const own = ann.conversation(sent(fake)[0]?.conversation_id ?? "")?.events[0];
    expect(own).toMatchObject({ media_key: contentKey(media.only.key), media: { name: "a photo.png", width: 4, height: 3, content_type: "image/png", size: 500 } });
    expect(mediaOf(own as Message)).toMatchObject({ size: 500 });
  });

  test("what is still found out about the file goes with the message; what can't be found out holds up nothing", async () => {
    const { fake, media, ann } = await world();
    const found = Promise.withResolvers<{ width: number; height: number }>();
    const sending = ann.sendMedia({ to: "bob" }, photo().file, { media: found.promise });
    await soon(() => expect(media.only.bytes).not.toBeNull());
    expect(sending.state).toBe("PENDING");
    found.resolve({ width: 4, height: 3 });
    await sending.acked;
    await ann.sendMedia({ to: "bob" }, photo().file, { media: Promise.reject(new Error("no decoder")) }).acked;
    await ann.sendMedia({ to: "bob" }, photo().file, { media: Promise.resolve({ width: 0.5 }) }).acked;
    expect(sent(fake).map((message) => message.media)).toEqual([{ name: "a photo.png", width: 4, height: 3 }, { name: "a photo.png" }, { name: "a photo.png" }]);
  });

  test("what is written while a file is on its way does not wait for it", async () => {
    const { fake, media, ann } = await world();
    const gate = Promise.withResolvers<null>();
    media.onPut = () => gate.promise;
    const sending = ann.sendMedia({ to: "bob" }, photo().file);
    await ann.send({ to: "bob" }, "meanwhile").acked;
    expect(sending.state).toBe("PENDING");
    gate.resolve(null);
    await sending.acked;
    expect(sent(fake).map(({ content, content_type }) => content || content_type)).toEqual(["meanwhile", "image"]);
    expect(ann.unsettled(sent(fake)[0]?.conversation_id ?? "")).toEqual([]);
  });

  test("progress is told as bytes are handed over", async () => {
    const { media, ann } = await world();
    media.onPut = (_, body, request) => {
      request.onProgress(body.length / 2);
      return Promise.resolve(null);
    };
    const told: number[][] = [];
    await ann.sendMedia({ to: "bob" }, photo().file, { onProgress: (...progress) => told.push(progress) }).acked;
    expect(told.slice(0, 2)).toEqual([[250, 500], [500, 500]]);
  });

  test.each(["no answer", "unavailable", "an address that expired"] as const)("%s at the store: tried again by itself, with a new address", async (failure) => {
    const { fake, media, ann } = await world();
    let failures = 0;
    media.onPut = () => {
      if (failures++ > 0) return Promise.resolve(null);
      if (failure === "no answer") throw new TypeError("reset");
      return Promise.resolve({ status: failure === "unavailable" ? 503 : 403, etag: null, text: "<Error><Code>AccessDenied</Code></Error>" });
    };
    const sending = ann.sendMedia({ to: "bob" }, photo().file);
    await soon(() => expect(sending.upload).toMatchObject({ phase: "waiting" }));
    expect(sending.state).toBe("PENDING");
    sending.retry();
    await sending.acked;
    expect(media.calls.filter((call) => call === "POST upload-url")).toHaveLength(2);
    expect(sent(fake)).toHaveLength(1);
  });

  test("a store that goes on refusing the bytes: FAILED, and sent when somebody tries again", async () => {
    const { media, ann } = await world();
    media.onPut = () => Promise.resolve({ status: 400, etag: null, text: "<Error><Code>BadDigest</Code></Error>" });
    const sending = ann.sendMedia({ to: "bob" }, photo().file);
    ann.on("upload", (one) => one.retry());
    await expect(sending.acked).rejects.toMatchObject({ code: "upload_refused", message: expect.stringContaining("BadDigest") as string });
    expect(media.calls.filter((call) => call === "PUT")).toHaveLength(3);
    media.onPut = () => Promise.resolve(null);
    sending.retry();
    await sending.acked;
  });

  test("[A18] a file that the server does not take: FAILED at once, with its reason", async () => {
    const { media, ann } = await world();
    media.onCall = (call) => (call === "POST upload-url" ? "media_too_large" : null);
    const sending = ann.sendMedia({ to: "bob" }, photo().file);
    await expect(sending.acked).rejects.toMatchObject({ code: "media_too_large" });
    expect(media.calls).toEqual(["POST upload-url"]);
  });

  test.each(["media_not_found", "media_mismatch"] as const)("%s at sending: the file goes up once more, and no oftener", async (code) => {
    const { fake, media, ann } = await world();
    let refusals = 1;
    fake.onUp = ({ type, client_msg_id }) => (type === "msg" && refusals-- > 0 ? { type: "error", ...errorBody(code), client_msg_id } : null);
    await ann.sendMedia({ to: "bob" }, photo().file).acked;
    expect(media.calls.filter((call) => call === "PUT")).toHaveLength(2);
    refusals = 2;
    const failing = ann.sendMedia({ to: "bob" }, photo().file);
    await expect(failing.acked).rejects.toMatchObject({ code });
    failing.retry();
    await failing.acked;
  });

  test("[A18] a try after the other is of one upload, also over a reload", async () => {
    const store = new MemoryOutboxStore();
    const { fake, media, ann } = await world({ store });
    media.onPut = () => Promise.resolve({ status: 503, etag: null, text: "" });
    const { file, bytes } = photo();
    ann.sendMedia({ to: "bob" }, file);
    await soon(() => expect(media.calls.filter((call) => call === "POST upload-url").length).toBeGreaterThan(2));
    ann.close();
    media.onPut = () => Promise.resolve(null);
    await enter(fake, media, { store });
    await soon(() => expect(sent(fake)).toHaveLength(1));
    expect(media.only.bytes).toEqual(bytes);
  });

  test("a file that can't be read any more: FAILED, also where it looks as if the network had failed", async () => {
    const { media, ann } = await world();
    const { file } = photo();
    let gone = false;
    const slice = file.slice.bind(file);
    file.slice = (...range) => {
      const part = slice(...range);
      if (gone) part.arrayBuffer = () => Promise.reject(new DOMException("gone", "NotReadableError"));
      return part;
    };
    media.onPut = () => {
      gone = true;
      throw new TypeError("network error");
    };
    await expect(ann.sendMedia({ to: "bob" }, file).acked).rejects.toMatchObject({ code: "file_unreadable" });
  });
});

describe("cancelled", () => {
  test("by the signal or by hand while the file is on its way: nothing is sent, nothing is left", async () => {
    const store = new MemoryOutboxStore();
    const { fake, media, ann } = await world({ store });
    const aborted: boolean[] = [];
    media.onPut = (_call, _body, { signal }) => new Promise((resolve) => {
      signal.addEventListener("abort", () => {
        aborted.push(true);
        resolve(null);
      });
    });
    const byHand = ann.sendMedia({ to: "bob" }, photo().file);
    const controller = new AbortController();
    const bySignal = ann.sendMedia({ to: "bob" }, photo().file, { signal: controller.signal });
    await soon(() => expect(media.calls.filter((call) => call === "PUT")).toHaveLength(2));
    controller.abort();
    expect(byHand.cancel()).toBe(true);
    await expect(byHand.acked).rejects.toMatchObject({ code: "aborted" });
    await expect(bySignal.acked).rejects.toMatchObject({ code: "aborted" });
    await soon(async () => expect([aborted, await store.load(), await store.loadFile(byHand.client_msg_id)]).toEqual([[true, true], [], null]));
    await ann.send({ to: "bob" }, "after").acked;
    expect(sent(fake).map(({ content }) => content)).toEqual(["after"]);
    expect(ann.unsettled(sent(fake)[0]?.conversation_id ?? "")).toEqual([]);
  });

  test("too late once the file is up", async () => {
    const { ann } = await world();
    const sending = ann.sendMedia({ to: "bob" }, photo().file);
    await sending.acked;
    expect(sending.cancel()).toBe(false);
    expect(sending.state).toBe("SENT");
  });

  test("the parts that are at the store already go from there", async () => {
    const { media, ann } = await world();
    media.onPut = (call, _body, { signal }) => (call === "PUT 1" ? Promise.resolve(null) : new Promise((resolve) => signal.addEventListener("abort", () => resolve(null))));
    const sending = ann.sendMedia({ to: "bob" }, photo(2_000).file);
    await soon(() => expect(media.only.parts.size).toBe(1));
    sending.cancel();
    await soon(() => expect([media.uploads.size, media.calls.at(-1)]).toEqual([0, "DELETE upload"]));
  });
});

describe("large files", () => {
  test("[A18] go in parts, and arrive as they were", async () => {
    const { media, ann } = await world();
    const { file, bytes } = photo(1_999);
    await ann.sendMedia({ to: "bob" }, file).acked;
    expect(media.only.bytes).toEqual(Buffer.from(bytes));
    expect([...media.only.parts.keys()].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
    expect([...media.only.told].toSorted(([a], [b]) => a - b), "a store that lists no parts is put together by these").toEqual([1, 2, 3, 4, 5].map((part) => [part, `"e${part}"`]));
  });

  test("[A18] a part that fails is all that is sent again", async () => {
    const { media, ann } = await world();
    let failed = false;
    media.onPut = (call) => {
      if (call !== "PUT 5" || failed) return Promise.resolve(null);
      failed = true;
      throw new TypeError("reset");
    };
    const { file, bytes } = photo(1_999);
    const sending = ann.sendMedia({ to: "bob" }, file);
    await sending.acked;
    expect(media.only.bytes).toEqual(Buffer.from(bytes));
    const puts = media.calls.filter((call) => call.startsWith("PUT"));
    expect(puts.filter((call) => call === "PUT 5")).toHaveLength(2);
    expect(new Set(puts.filter((call) => call !== "PUT 5")).size).toBe(4);
    expect(media.calls.filter((call) => call === "POST upload-url")).toHaveLength(1);
  });
});

describe("over a reload", () => {
  test("[A19] a file that was on its way goes up from the store, and the message is sent once", async () => {
    const store = new MemoryOutboxStore();
    const { fake, media, ann } = await world({ store });
    media.onPut = (_call, _body, { signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(null)));
    const { file, bytes } = photo();
    const before = ann.sendMedia({ to: "bob" }, file, { content: "kept" });
    await soon(() => expect(media.calls).toContain("PUT"));
    ann.close();
    await expect(before.acked).rejects.toMatchObject({ code: "closed" });
    media.onPut = () => Promise.resolve(null);
    const again = await enter(fake, media, { store });
    await soon(() => expect(sent(fake)).toHaveLength(1));
    expect(sent(fake)[0]).toMatchObject({ content: "kept", media: { name: "a photo.png" } });
    expect([...media.uploads.values()].at(-1)?.bytes).toEqual(bytes);
    await soon(async () => expect([await store.load(), await store.loadFile(before.client_msg_id)]).toEqual([[], null]));
    expect(again.errors).toEqual([]);
  });

  test("[A18] an upload in parts goes on where it stopped; where the server knows it no more it begins anew", async () => {
    const store = new MemoryOutboxStore();
    const { fake, media, ann } = await world({ store });
    const stop = (call: string) => ["PUT 3", "PUT 4", "PUT 5"].includes(call);
    media.onPut = (call, _body, { signal }) => (stop(call) ? new Promise((resolve) => signal.addEventListener("abort", () => resolve(null))) : Promise.resolve(null));
    const { file, bytes } = photo(1_999);
    ann.sendMedia({ to: "bob" }, file);
    await soon(() => expect(media.only.parts.size).toBe(2));
    ann.close();
    media.onPut = () => Promise.resolve(null);
    media.calls.length = 0;
    const { ann: second } = await enter(fake, media, { store });
    await soon(() => expect(sent(fake)).toHaveLength(1));
    expect(media.only.bytes).toEqual(Buffer.from(bytes));
    expect(media.calls.filter((call) => call.startsWith("PUT")).toSorted((a, b) => a.localeCompare(b))).toEqual(["PUT 3", "PUT 4", "PUT 5"]);
    expect(media.calls).not.toContain("POST upload-url");

    media.onPut = (call, _body, { signal }) => (stop(call) ? new Promise((resolve) => signal.addEventListener("abort", () => resolve(null))) : Promise.resolve(null));
    media.uploads.clear();
    second.sendMedia({ to: "bob" }, file);
    await soon(() => expect(media.only.parts.size).toBe(2));
    second.close();
    media.onPut = () => Promise.resolve(null);
    media.uploads.clear();
    await enter(fake, media, { store });
    await soon(() => expect(sent(fake)).toHaveLength(2));
    expect(media.only.bytes).toEqual(Buffer.from(bytes));
  });

  test("where the store keeps no files, what is not up yet is FAILED and says why", async () => {
    const memory = new MemoryOutboxStore();
    const store = { load: () => memory.load(), put: memory.put.bind(memory), remove: memory.remove.bind(memory) };
    const { fake, media, ann } = await world({ store });
    media.onPut = () => new Promise(() => undefined);
    ann.sendMedia({ to: "bob" }, photo().file);
    await soon(() => expect(media.calls).toContain("PUT"));
    ann.close();
    const { ann: again } = await enter(fake, media, { store });
    const conversation_id = again.directId("bob") ?? "";
    await soon(() => expect(again.unsettled(conversation_id)[0]?.error?.code).toBe("file_unreadable"));
  });
});

describe("without a message", () => {
  test("[A18] upload brings a file to the store, and says by which key it can be sent", async () => {
    const { fake, media, ann } = await world();
    const { file } = photo();
    const { media_key, kind } = await ann.upload(file);
    expect(media_key).toBe(media.only.key);
    await ann.send({ to: "bob" }, "", { media_key, content_type: kind }).acked;
    expect(sent(fake)[0]?.media_key).toBe(contentKey(media_key));
  });

  test("a forward carries the content's key and where it is seen; nothing is uploaded", async () => {
    const { fake, media, ann } = await world();
    const { seq, conversation_id } = await ann.sendMedia({ to: "bob" }, photo().file, { content: "mine" }).acked;
    const message = ann.conversation(conversation_id)?.events.find((event) => event.seq === seq) as Message;
    await ann.forward({ to: "cat" }, message).acked;
    expect(fake.texts.flat().at(-1)).toMatchObject({ type: "msg", to: "cat", content: "mine", content_type: "image", media_key: contentKey(media.only.key), media_from: conversation_id });
    expect(media.uploads.size).toBe(1);
  });
});

describe("addresses to read from", () => {
  const message = { conversation_id: "g.1", media_key: `m/${"0".repeat(64)}` };

  test("[B20] one serves until shortly before it expires, also for those who ask at the same time", async () => {
    const { media, ann } = await world();
    media.life_ms = 31_000;
    const [first, second] = await Promise.all([ann.mediaUrl(message), ann.mediaUrl(message)]);
    expect(second).toBe(first);
    expect(await ann.mediaUrl(message)).toBe(first);
    await soon(async () => expect(await ann.mediaUrl(message)).not.toBe(first));
    ann.forgetMediaUrl(message);
    expect(media.calls.filter((call) => call === "GET url")).toHaveLength(2);
  });

  test("a refusal is told and not kept", async () => {
    const { media, ann } = await world();
    media.onCall = (call) => (call === "GET url" ? "media_expired" : null);
    await expect(ann.mediaUrl(message)).rejects.toMatchObject({ code: "media_expired" });
    media.onCall = () => null;
    expect(await ann.mediaUrl(message)).toContain("https://store.test/");
    await expect(ann.mediaUrl({ conversation_id: "g.1" })).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("what a file is taken for", () => {
  test("[A20] every type is of one kind; what is unknown is a document of no type", () => {
    for (const kind of ["image", "video", "audio", "document"] as const) {
      for (const type of MEDIA_LIMITS[kind].types) expect(mediaTypeOf(`${type}; codecs=x`)).toEqual({ kind, content_type: type });
    }
    expect(mediaTypeOf("audio/webm;codecs=opus")).toEqual({ kind: "audio", content_type: "audio/webm" });
    expect(mediaTypeOf("text/x-python")).toEqual({ kind: "document", content_type: "text/plain" });
    for (const type of ["", "application/x-msdownload", "image/heic", "constructor"]) expect(mediaTypeOf(type)).toEqual({ kind: "document", content_type: "application/octet-stream" });
  });

  test("a name is one that a message may carry, and keeps what it ends with", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 400 }), (name) => {
      const made = fileNameOf(name);
      if (made !== null) expect([made.length > 0 && made.length <= 255, made.isWellFormed(), v.safeParse(Media, { name: made }).success]).toEqual([true, true, true]);
    }));
    expect(fileNameOf(`${"a".repeat(300)}.tar`)).toMatch(/^a{251}\.tar$/);
    expect(fileNameOf("../../etc/passwd")).toBe(".._.._etc_passwd");
  });

  test("SHA-256 of a file is the platform's, whole or in pieces", async () => {
    for (const size of [0, 1, 5_000_000, 33 * 1024 * 1024 + 7]) {
      const bytes = new Uint8Array(size).map((_, i) => i * 7);
      expect(await sha256OfFile(new Blob([bytes]), new AbortController().signal)).toBe(sha256(bytes));
    }
  });
});
