// Messages with files, end to end: the same on every store.
import { randomUUID } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { put, sha256Of } from "../media/files.ts";
import { announce, fetched, kindFile, message, ofEachKind, sendFile, trySend, upload, urlOf } from "../media/sending.ts";
import { FILES, mp4, opus, png, POLYGLOTS } from "../media/samples.ts";
import type { Product } from "../product.ts";
import { codeOf, newUser, operator, statsOf, until, User } from "./api.ts";
import { objectFile } from "./object-file.ts";

const NOWHERE = `g.${"0".repeat(32)}`;

/** @param names the store takes a file's name from the URL; local R2 does not */
export function mediaSuite(start: () => Promise<Product>, names: boolean): void {
  let product: Product;
  let service: User;
  let seeds = 100;
  const seed = (): number => (seeds += 1);
  const two = async (): Promise<[User, User]> => [await newUser(product, "ann"), await newUser(product, "bob")];
  const archived = (conversation: string) => until(() => statsOf(service, conversation), (stats) => stats.pruned_seq === stats.head_seq);

  beforeAll(async () => {
    product = await start();
    service = await operator(product);
  });
  afterAll(() => product.discard());

  describe("what was sent comes back", () => {
    test("[A20] [B20] [M6] PNG, MP4, Opus and PDF come down as they went up, whole and in ranges, with their type and how to treat them", async () => {
      const [ann, bob] = await two();
      for (const file of ofEachKind(seed())) {
        const { conversation_id, media_key } = await sendFile(ann, bob, file);
        expect(media_key).toMatch(/^m\/[0-9a-f]{64}$/);
        const whole = await fetched(bob, conversation_id, media_key);
        expect([whole.status, sha256Of(whole.bytes), whole.headers.get("content-type")]).toEqual([200, file.sha256, file.content_type]);
        expect(whole.headers.get("content-disposition")).toBe(file.kind === "document" ? "attachment" : "inline");
        expect(whole.headers.get("cache-control")).toMatch(/^private, max-age=\d+, immutable$/);
        const part = await fetched(bob, conversation_id, media_key, { range: "bytes=10-19" });
        expect([part.status, Buffer.from(part.bytes).toString("hex")]).toEqual([206, Buffer.from(file.bytes.subarray(10, 20)).toString("hex")]);
      }
    });

    test("[A19] an IMAGE frame reaches the other's socket with its key, and the row holds the key and what is said of the file, and no byte of it", async () => {
      const [ann, bob] = await two();
      const [sender, receiver] = await Promise.all([ann.socket(), bob.socket()]);
      const file = kindFile("image", "image/png", png(seed()));
      const media_key = await upload(ann, file);
      const ack = await sender.ask({ type: "IMAGE", to: bob.name, media_key, media: { width: 64, height: 64, name: "a picture.png" }, client_msg_id: "pic" });
      expect(ack).toMatchObject({ type: "ack", seq: 1, media_key: expect.stringMatching(/^m\//) });
      const media = { width: 64, height: 64, name: "a picture.png", content_type: "image/png", size: file.size };
      expect(await receiver.take({ type: "msg", seq: 1 })).toMatchObject({ content: "", content_type: "image", media_key: ack["media_key"], media });
      const conversation = String(ack["conversation_id"]);
      await product.stop();
      const db = new DatabaseSync(objectFile(product, conversation));
      const row = db.prepare("SELECT body FROM events WHERE seq = 1").get();
      db.close();
      await product.restart();
      expect(JSON.parse(String(row?.["body"]))).toEqual({ content: "", content_type: "image", media_key: ack["media_key"], media });
      expect(sha256Of((await fetched(bob, conversation, String(ack["media_key"]))).bytes)).toBe(file.sha256);
    });

    test("[B3] a voice message keeps its duration and waveform, in JSON and protobuf, in history and out of the archive; its type and size are the server's", async () => {
      const [ann, bob] = await two();
      const sockets = await Promise.all([bob.socket({ encoding: "json" }), bob.socket({ encoding: "pb" })]);
      const file = kindFile("audio", "audio/ogg", opus(seed()));
      const waveform = Array.from({ length: 256 }, (_, i) => i);
      const said = { duration_ms: 61_250, waveform };
      const { conversation_id, media_key } = await sendFile(ann, bob, file, { content: "listen", media: { ...said, content_type: "text/html", size: 1 } });
      const wanted = { media_key, content: "listen", content_type: "audio", media: { ...said, content_type: "audio/ogg", size: file.size } };
      for (const socket of sockets) expect(await socket.take({ type: "msg", seq: 1 })).toMatchObject(wanted);
      expect(message(await bob.history(conversation_id), 1)).toMatchObject(wanted);
      // Up in protobuf as well, and its ack.
      const binary = await ann.socket({ encoding: "pb" });
      const ack = await binary.ask({ type: "msg", to: bob.name, content: "listen", content_type: "audio", media_key: await upload(ann, file), media: said, client_msg_id: "pb" });
      expect(ack).toMatchObject({ type: "ack", seq: 2, media_key });
      for (const socket of sockets) expect(await socket.take({ type: "msg", seq: 2 })).toMatchObject(wanted);
      await archived(conversation_id);
      expect(message(await bob.history(conversation_id), 1)).toMatchObject(wanted);
      expect(sha256Of((await fetched(bob, conversation_id, media_key)).bytes)).toBe(file.sha256);
    });

    test("[A5] the same message again gets its first ack, when its upload is gone and also when its content is another", async () => {
      const [ann, bob] = await two();
      const file = kindFile("image", "image/png", png(seed()));
      const media_key = await upload(ann, file);
      const draft = { client_msg_id: "once", content_type: "image", media_key };
      const first = await trySend(ann, bob, draft);
      expect(first.status).toBe(201);
      const dup = { ...first.body, dup: true };
      for (const again of [media_key, await upload(ann, kindFile("image", "image/png", png(seed()))), "up/nobody/0", `m/${"0".repeat(64)}`]) {
        const second = await trySend(ann, bob, { ...draft, media_key: again });
        expect([second.status, second.body]).toEqual([200, dup]);
      }
      expect((await trySend(ann, bob, { ...draft, client_msg_id: "twice" })).status, "an upload is one message's").toBe(404);
      expect(await ann.history(first.body.conversation_id)).toHaveLength(1);
    });

    test("[O3] what is sent behind a file comes behind it", async () => {
      const [ann, bob] = await two();
      const socket = await ann.socket();
      const keys = [await upload(ann, kindFile("video", "video/mp4", mp4(seed()))), await upload(ann, kindFile("image", "image/png", png(seed())))];
      const frames = [
        { type: "VIDEO", media_key: keys[0] }, { type: "msg", content: "after the film" }, { type: "IMAGE", media_key: "up/nobody/0" },
        { type: "IMAGE", media_key: keys[1] }, { type: "msg", content: "after the picture" },
      ].map((frame, i) => ({ ...frame, to: bob.name, client_msg_id: `f${i}` }));
      socket.send(frames);
      const answers = await Promise.all(frames.map(({ client_msg_id }) => socket.take((frame) => frame["client_msg_id"] === client_msg_id)));
      expect(answers.map((answer) => answer["seq"] ?? answer["code"])).toEqual([1, 2, "media_not_found", 3, 4]);
    });
  });

  describe("[A19] [M8] who may have it", () => {
    test("a member gets a URL that expires; a stranger, a removed member, a member of another conversation and who asks for what is not there get one answer", async () => {
      const [ann, bob, removed, stranger] = [...(await two()), await newUser(product, "removed"), await newUser(product, "stranger")] as const;
      const { conversation_id } = await ann.group([bob, removed]);
      const elsewhere = await stranger.group([bob]);
      const file = kindFile("image", "image/png", png(seed()));
      const { media_key } = await sendFile(ann, conversation_id, file);
      for (const member of [ann, bob, removed]) expect((await urlOf(member, conversation_id, media_key)).status).toBe(200);
      const { url, expires_at } = (await urlOf(bob, conversation_id, media_key)).body;
      expect(expires_at - Date.now()).toBeLessThanOrEqual(300_000);
      expect(new URL(url).searchParams.get("X-Amz-Expires")).toBe("300");
      await ann.call("DELETE", `/v1/conversations/${conversation_id}/members/${removed.name}`);
      const absent = await urlOf(ann, conversation_id, `m/${"0".repeat(64)}`);
      expect(codeOf(absent)).toBe("404 not_found");
      for (const answer of [
        await urlOf(removed, conversation_id, media_key), await urlOf(stranger, conversation_id, media_key), await urlOf(stranger, elsewhere.conversation_id, media_key),
        await urlOf(bob, elsewhere.conversation_id, media_key), await urlOf(stranger, NOWHERE, media_key), await urlOf(stranger, "no id", media_key), await urlOf(ann, conversation_id, "up/x/y"),
        await urlOf(ann, conversation_id, `${media_key}.1`), await urlOf(ann, conversation_id, `m/../${media_key}`), await urlOf(ann, conversation_id, "h/x"),
      ]) expect([answer.status, answer.text]).toEqual([404, absent.text]);
      expect(codeOf(await ann.call("GET", `/api/media/${encodeURIComponent(media_key)}/url`))).toBe("400 bad_request");
    });

    test("who joins later gets what they see, and no file from before", async () => {
      const [ann, late] = await two();
      const { conversation_id } = await ann.group([]);
      const [before, after] = [kindFile("image", "image/png", png(seed())), kindFile("image", "image/png", png(seed()))];
      const first = await sendFile(ann, conversation_id, before);
      await ann.call("PUT", `/v1/conversations/${conversation_id}/members/${late.name}`, {});
      const second = await sendFile(ann, conversation_id, after);
      expect([(await urlOf(late, conversation_id, first.media_key)).status, (await urlOf(late, conversation_id, second.media_key)).status]).toEqual([404, 200]);
      // The same bytes once more, where they see it.
      expect((await sendFile(ann, conversation_id, before)).media_key).toBe(first.media_key);
      expect((await urlOf(late, conversation_id, first.media_key)).status).toBe(200);
    });

    test("[M8] a deleted message's file is gone for everybody, whoever deletes it, also out of the archive", async () => {
      const [ann, bob] = await two();
      const send = () => sendFile(ann, bob, kindFile("image", "image/png", png(seed())));
      const [own, operators, old] = [await send(), await send(), await send()];
      const { conversation_id } = own;
      await archived(conversation_id);
      const socket = await ann.socket();
      for (const { msg_id } of [own, old]) await socket.ask({ type: "delete", conversation_id, target_msg_id: msg_id, client_msg_id: randomUUID() });
      expect((await service.call("DELETE", `/v1/admin/conversations/${conversation_id}/messages/${operators.msg_id}`)).status).toBe(204);
      for (const { media_key, seq } of [own, operators, old]) {
        for (const user of [ann, bob]) expect(codeOf(await urlOf(user, conversation_id, media_key))).toBe("404 not_found");
        expect(message(await bob.history(conversation_id), seq)).not.toHaveProperty("media_key");
      }
    });

    test("an SVG and a page are only ever handed out as files, under the name that was asked for", async () => {
      const [ann, bob] = await two();
      for (const [kind, type] of [["image", "image/svg+xml"], ["document", "text/html"]] as const) {
        const { conversation_id, media_key } = await sendFile(ann, bob, kindFile(kind, type, FILES[type]?.[0] as Uint8Array<ArrayBuffer>));
        const { headers } = await fetched(bob, conversation_id, media_key);
        expect([headers.get("content-type"), headers.get("content-disposition")]).toEqual([type, "attachment"]);
        const named = await urlOf(bob, conversation_id, media_key, `&name=${encodeURIComponent('a "b";\u00e4.html')}`);
        expect((await fetch(named.body.url)).headers.get("content-disposition")).toBe(names ? "attachment; filename*=UTF-8''a%20%22b%22%3B%C3%A4.html" : "attachment");
      }
    });
  });

  describe("[B14] the same bytes", () => {
    test("of two users are one object; deleting one message keeps the other's, and each is for its own conversation", async () => {
      const [ann, bob, carl] = [...(await two()), await newUser(product, "carl")] as const;
      const file = kindFile("document", "application/pdf", FILES["application/pdf"]?.[0] as Uint8Array<ArrayBuffer>);
      const [anns, bobs] = [await sendFile(ann, carl, file), await sendFile(bob, carl, file)];
      expect(anns.media_key).toBe(bobs.media_key);
      expect(codeOf(await urlOf(ann, bobs.conversation_id, anns.media_key))).toBe("404 not_found");
      const socket = await ann.socket();
      await socket.ask({ type: "delete", conversation_id: anns.conversation_id, target_msg_id: anns.msg_id, client_msg_id: "gone" });
      expect(codeOf(await urlOf(carl, anns.conversation_id, anns.media_key))).toBe("404 not_found");
      for (const user of [bob, carl]) expect(sha256Of((await fetched(user, bobs.conversation_id, bobs.media_key)).bytes)).toBe(file.sha256);
    });

    test("of another type are another object", async () => {
      const [ann, bob] = await two();
      const bytes = new TextEncoder().encode(`same ${seed()}\n`);
      const [plain, csv] = [await sendFile(ann, bob, kindFile("document", "text/plain", bytes)), await sendFile(ann, bob, kindFile("document", "text/csv", bytes))];
      expect(plain.media_key).not.toBe(csv.media_key);
      expect((await fetched(bob, plain.conversation_id, csv.media_key)).headers.get("content-type")).toBe("text/csv");
    });

    test("sent on are the same object, where the sender sees it", async () => {
      const [ann, bob, carl] = [...(await two()), await newUser(product, "carl")] as const;
      const file = kindFile("video", "video/mp4", mp4(seed()));
      const { conversation_id, media_key } = await sendFile(ann, bob, file);
      const draft = { content_type: "video", media_key, media_from: conversation_id, media: { duration_ms: 1 } };
      const forwarded = await trySend(bob, carl, draft);
      expect([forwarded.status, forwarded.body.media_key]).toEqual([201, media_key]);
      const there = forwarded.body.conversation_id;
      expect(message(await carl.history(there), 1).media).toEqual({ duration_ms: 1, content_type: "video/mp4", size: file.size });
      expect(sha256Of((await fetched(carl, there, media_key)).bytes)).toBe(file.sha256);
      // Whoever does not see it there can't send it, whatever they know.
      for (const media_from of [conversation_id, NOWHERE, undefined]) expect(codeOf(await trySend(carl, ann, { ...draft, media_from }))).toBe("404 media_not_found");
      expect(codeOf(await trySend(bob, carl, { ...draft, content_type: "image" }))).toBe("400 bad_frame");
      // A message that is gone is nothing to be sent on.
      const socket = await ann.socket();
      const { msg_id } = message(await ann.history(conversation_id), 1);
      await socket.ask({ type: "delete", conversation_id, target_msg_id: msg_id, client_msg_id: "gone" });
      expect(codeOf(await trySend(bob, carl, draft))).toBe("404 media_not_found");
      expect((await fetched(carl, there, media_key)).status).toBe(200);
    });
  });

  describe("[M7] [M9] what is not as it was announced is not sent", () => {
    test("nothing uploaded, somebody else's upload, no upload, another kind", async () => {
      const [ann, bob] = await two();
      const file = kindFile("image", "image/png", png(seed()));
      const { key } = await announce(ann, file);
      expect(codeOf(await trySend(ann, bob, { content_type: "image", media_key: key }))).toBe("404 media_not_found");
      const others = await upload(bob, file);
      for (const media_key of [others, "up/nobody/0", "m/x", "", "..", `m/${"0".repeat(64)}`]) {
        expect(codeOf(await trySend(ann, bob, { content_type: "image", media_key, content: "x" }))).toBe("404 media_not_found");
      }
      for (const content_type of ["video", "text"]) expect(codeOf(await trySend(bob, ann, { content_type, media_key: others }))).toBe("400 bad_frame");
      expect((await trySend(bob, ann, { content_type: "image", media_key: others })).status).toBe(201);
    });

    test("other bytes of the same length, before it is sent and after", async () => {
      const [ann, bob] = await two();
      const [file, other] = [kindFile("document", "application/octet-stream", png(seed())), png(seed())];
      const same = new Uint8Array(file.size).map((_, i) => other[i % other.length] ?? 0);
      const signed = await announce(ann, file);
      const wrong = await put(signed, same);
      // Where the store has let them in, sending finds it.
      expect(codeOf(await trySend(ann, bob, { content_type: "document", media_key: signed.key }))).toBe(wrong.ok ? "409 media_mismatch" : "404 media_not_found");
      expect((await put(signed, file.bytes)).status).toBe(200);
      const sent = await trySend(ann, bob, { content_type: "document", media_key: signed.key });
      expect(sent.status).toBe(201);
      // The address is still good, for what nobody looks at any more.
      await put(signed, same);
      expect(sha256Of((await fetched(bob, sent.body.conversation_id, sent.body.media_key as string)).bytes)).toBe(file.sha256);
    });

    test("[M9] bytes that are not of the declared type, and files that are two things at once", async () => {
      const [ann, bob] = await two();
      const wrong = [
        kindFile("image", "image/png", mp4(seed())), kindFile("video", "video/mp4", opus(seed())), kindFile("audio", "audio/ogg", png(seed())),
        kindFile("image", "image/jpeg", FILES["text/html"]?.[0] as Uint8Array<ArrayBuffer>), kindFile("document", "application/pdf", png(seed())),
        kindFile("image", "image/svg+xml", FILES["text/html"]?.[0] as Uint8Array<ArrayBuffer>),
        ...Object.values(POLYGLOTS).map(({ type, bytes }) => kindFile(type.startsWith("audio") ? "audio" : "image", type, bytes)),
      ];
      for (const file of wrong) expect([file.content_type, codeOf(await trySend(ann, bob, { content_type: file.kind, media_key: await upload(ann, file) }))]).toEqual([file.content_type, "400 media_type_refused"]);
    });

    test("a refused file begins no conversation, and is no member's business elsewhere", async () => {
      const [ann, bob] = await two();
      const file = kindFile("image", "image/png", opus(seed()));
      expect(codeOf(await trySend(ann, bob, { content_type: "image", media_key: await upload(ann, file) }))).toBe("400 media_type_refused");
      expect((await ann.call<{ conversations: unknown[] }>("GET", "/v1/conversations")).body.conversations).toEqual([]);
      const { conversation_id } = await bob.group([]);
      const good = await upload(ann, kindFile("image", "image/png", png(seed())));
      expect(codeOf(await trySend(ann, conversation_id, { content_type: "image", media_key: good }))).toBe("404 not_found");
      expect(codeOf(await trySend(ann, NOWHERE, { content_type: "image", media_key: good }))).toBe("404 not_found");
      expect((await trySend(ann, bob, { content_type: "image", media_key: good })).status).toBe(201);
    });
  });

  test("[M11] killed between upload and send, and while messages with files are on their way, nothing is lost and nothing is twice", async () => {
    const [ann, bob] = await two();
    const files = Array.from({ length: 6 }, () => kindFile("video", "video/mp4", mp4(seed())));
    const keys: string[] = [];
    for (const file of files) keys.push(await upload(ann, file));
    // One that has just died is not there to be killed again.
    const kill = () => until(async () => product.pids().runtime, (pid) => pid !== null, 60_000).then(() => product.killRuntime());
    await kill();
    // As a client does: the same again until there is an answer.
    const sent = (i: number) => until(
      () => trySend(ann, bob, { client_msg_id: `k${i}`, content_type: "video", media_key: keys[i] }).catch(() => null), (answer) => answer?.status === 200 || answer?.status === 201, 60_000,
    );
    let conversation = "";
    for (const i of files.keys()) {
      const sending = sent(i);
      if (i % 2 === 0) await kill();
      conversation = (await sending)?.body.conversation_id ?? "";
    }
    const history = await bob.history(conversation);
    expect(history).toHaveLength(files.length);
    for (const [i, file] of files.entries()) {
      expect(sha256Of((await fetched(bob, conversation, message(history, i + 1).media_key as string)).bytes)).toBe(file.sha256);
    }
  });
}
