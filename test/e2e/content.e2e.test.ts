// What a message may hold: it comes back as it was sent, from everywhere, and sizes end exactly where the limits say.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AckFrame } from "../../protocol/frames/msg.ts";
import { startProduct, type Product } from "../product.ts";
import { codeOf, newUser, operator, statsOf, until, User } from "./api.ts";
import type { RawSocket } from "./raw-socket.ts";

const CONTENT_BYTES = 65_536;
const FRAME_BYTES = 131_072;
let product: Product;
let service: User;

beforeAll(async () => {
  // Everything leaves the object at once: history is read back from the archive.
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_CREDIT_EVENTS: "0", CONFAB_SEAL_AFTER_MS: "200", CONFAB_HOT_EVENTS: "0", CONFAB_HOT_DAYS: "0" } });
  service = await operator(product);
});

afterAll(() => product.discard());

/** A raw U+FFFD may not stand in a text message of a socket. */
const json = (value: object): string => JSON.stringify(value).replaceAll("\uFFFD", "\\ufffd");

function archived(conversation: string): Promise<unknown> {
  return until(() => statsOf(service, conversation), (stats) => stats.pruned_seq === stats.head_seq);
}

/** Sends each content over a socket or REST, and compares what every device, history and the archive give back. */
async function comesBack(contents: readonly string[]): Promise<void> {
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  const [first, second, bobs] = await Promise.all([ann.socket(), ann.socket(), bob.socket()]);
  let conversation = "";
  for (const [i, content] of contents.entries()) {
    const message = { type: "msg", to: bob.name, content, client_msg_id: `c${i}` };
    const ack = i % 4 === 3
      ? (await ann.raw<AckFrame>("POST", "/v1/messages", { body: JSON.stringify(message) })).body
      : await sendText(first, json(message));
    expect(ack).toMatchObject({ seq: i + 1 });
    conversation = String(ack["conversation_id"]);
    for (const socket of [second, bobs]) expect((await socket.take({ type: "msg", seq: i + 1 }))["content"] === content).toBe(true);
  }
  const read = async (): Promise<string[]> => (await bob.history(conversation)).map((event) => (event.type === "msg" ? event.content : event.type));
  expect(same(await read(), contents)).toBe(true);
  await archived(conversation);
  expect(same(await read(), contents)).toBe(true);
  for (const socket of [first, second, bobs]) socket.cut();
}

/** Without a diff of megabytes when it fails. */
function same(read: readonly string[], sent: readonly string[]): boolean {
  return read.length === sent.length && read.every((content, i) => content === sent[i]);
}

async function sendText(socket: RawSocket, text: string): Promise<Readonly<Record<string, unknown>>> {
  const { client_msg_id } = JSON.parse(text) as { client_msg_id: string };
  const answer = socket.take((frame) => (frame.type === "ack" || frame.type === "error") && frame["client_msg_id"] === client_msg_id);
  socket.sendText(text);
  return answer;
}

test("[A3] the document's frame needs no other field, and its ack has the document's four", async () => {
  const bob = new User(product, "bob", await product.token("bob"));
  const ann = await newUser(product, "ann");
  const [socket, bobs] = [await ann.socket(), await bob.socket()];
  const ack = await sendText(socket, '{"type":"msg","to":"bob","content":"Hi!","client_msg_id":"uuid-123"}');
  expect(ack).toMatchObject({ type: "ack", client_msg_id: "uuid-123", status: "SENT", seq: 1, epoch: 1 });
  expect(ack["msg_id"]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(ack["conversation_id"]).toMatch(/^d\.[0-9a-f]{64}$/);
  expect(ack).not.toHaveProperty("dup");
  expect(await bobs.take({ type: "msg" })).toMatchObject({
    content: "Hi!", content_type: "text", client_msg_id: "uuid-123", sender_id: ann.name, seq: 1, msg_no: 1,
    msg_id: ack["msg_id"], conversation_id: ack["conversation_id"], sent_at: ack["sent_at"],
  });
  // The sending socket has its ack and does not get the event.
  await socket.ask({ type: "msg", to: ann.name, content: "fence", client_msg_id: "fence" });
  expect(socket.frames.filter((frame) => frame.type === "msg" && frame["conversation_id"] === ack["conversation_id"])).toEqual([]);
});

test("[A19] a frame of type IMAGE, VIDEO, AUDIO or DOCUMENT is a msg of that content_type", async () => {
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  const [socket, bobs] = [await ann.socket(), await bob.socket()];
  for (const type of ["IMAGE", "VIDEO", "AUDIO", "DOCUMENT"]) {
    const ack = await socket.ask({ type, to: bob.name, content: `a ${type}`, client_msg_id: type, content_type: "text" });
    expect(ack).toMatchObject({ type: "ack", status: "SENT" });
    expect(await bobs.take({ client_msg_id: type })).toMatchObject({ type: "msg", content: `a ${type}`, content_type: type.toLowerCase() });
    expect((await ann.call<AckFrame>("POST", "/v1/messages", { type, to: bob.name, content: "y", client_msg_id: `rest-${type}` })).status).toBe(201);
    expect(await bobs.take({ client_msg_id: `rest-${type}` })).toMatchObject({ type: "msg", content_type: type.toLowerCase() });
  }
  for (const content_type of ["text", "image", "video", "audio", "document"]) {
    await socket.ask({ type: "msg", to: bob.name, content: "x", client_msg_id: content_type, content_type });
    expect(await bobs.take({ client_msg_id: content_type })).toMatchObject({ type: "msg", content_type });
  }
});

describe("[E8] content is stored and returned byte-identical, live, from history and from the archive", () => {
  test("base64, as text and as any other type", async () => {
    const blob = Buffer.from(Array.from({ length: 40_000 }, (_, i) => (i * 7919) % 256)).toString("base64");
    await comesBack(["aGVsbG8gd29ybGQ=", blob, "=", "====", "AA==\n", Buffer.from(blob).toString("base64url").slice(0, 50_000)]);
  });

  test("NUL and every control character, alone and among others", async () => {
    const controls = Array.from({ length: 160 }, (_, code) => String.fromCharCode(code)).filter((char) => char < " " || char > "~");
    await comesBack([...controls.slice(0, 33), controls.join(""), `a\u0000b`, "\u0000".repeat(10_000), "\u0000", "line\r\nline\n\n", "\t \u00a0 "]);
  });

  test("what looks like something else", async () => {
    await comesBack([
      "null", "{}", "[]", '{"type":"msg"}', '"', "\\", "\\u0000", "\\\\\"", "</script><script>alert(1)</script>", "'; DROP TABLE events; --", "$&$1$`", "%00%s%d",
      "ping", "\uFFFD", "\uFFFD\uFFFE\uFFFF", "\u2028\u2029", "e\u0301 ≠ \u00e9", "\uFEFFbom", "👩‍👩‍👧‍👦 \u202Eright to left\u202C", "\u{10FFFF}\u{10000}", " leading and trailing ",
      "__proto__", "1e999", "-0", "undefined", "NaN", "true",
    ]);
  });

  test("every character of Unicode", async () => {
    const pieces: string[] = [];
    for (let start = 0; start < 0x110000; start += 16_000) {
      const codes = Array.from({ length: Math.min(16_000, 0x110000 - start) }, (_, i) => start + i);
      pieces.push(String.fromCodePoint(...codes.filter((code) => code < 0xd800 || code > 0xdfff)));
    }
    expect(pieces.reduce((sum, piece) => sum + Array.from(piece).length, 0)).toBe(0x110000 - 0x800);
    await comesBack(pieces.filter((piece) => piece !== ""));
  });
});

describe("sizes count UTF-8 bytes", () => {
  const WIDTHS = [["one byte", "x"], ["two bytes", "é"], ["three bytes", "€"], ["four bytes", "😀"]] as const;

  test.each(WIDTHS)("content of characters of %s: 64 KiB pass, a byte more is content_too_large", async (_name, char) => {
    const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
    const [socket, bobs] = [await ann.socket(), await bob.socket()];
    const width = Buffer.byteLength(char);
    const full = char.repeat(Math.floor(CONTENT_BYTES / width)) + "x".repeat(CONTENT_BYTES % width);
    expect(Buffer.byteLength(full)).toBe(CONTENT_BYTES);
    const over = [`${full}x`, `x${full}`, full + char, `${full.slice(0, -1)}${full.endsWith("x") ? "é" : "xx"}`].filter((text) => Buffer.from(text).length > CONTENT_BYTES && text.isWellFormed());
    expect(over.length).toBeGreaterThanOrEqual(3);

    const ack = await socket.ask({ type: "msg", to: bob.name, content: full, client_msg_id: "full" });
    expect(ack).toMatchObject({ type: "ack", seq: 1 });
    expect((await bobs.take({ client_msg_id: "full" }))["content"] === full).toBe(true);
    for (const content of over) {
      expect(await socket.ask({ type: "msg", to: bob.name, content, client_msg_id: "over" })).toMatchObject({ type: "error", code: "content_too_large" });
      expect(codeOf(await ann.call("POST", "/v1/messages", { to: bob.name, content, client_msg_id: "over" }))).toBe("413 content_too_large");
    }
    expect((await ann.call("POST", "/v1/messages", { to: bob.name, content: full, client_msg_id: "full-rest" })).status).toBe(201);
    expect((await statsOf(service, String(ack["conversation_id"]))).head_seq).toBe(2);
  });

  test.each(WIDTHS)("a frame of characters of %s: 128 KiB pass, a byte more is frame_too_large, and the socket stays open", async (_name, char) => {
    const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
    const socket = await ann.socket();
    const frame = (bytes: number): string => {
      const empty = JSON.stringify({ type: "msg", to: bob.name, content: "x", client_msg_id: randomUUID(), padding: "" });
      const room = bytes - Buffer.byteLength(empty);
      const width = Buffer.byteLength(char);
      return empty.replace(/""\}$/, () => `"${char.repeat(Math.floor(room / width))}${"x".repeat(room % width)}"}`);
    };
    const full = frame(FRAME_BYTES);
    expect(Buffer.byteLength(full)).toBe(FRAME_BYTES);
    expect(await sendText(socket, full)).toMatchObject({ type: "ack", seq: 1 });
    for (const bytes of [FRAME_BYTES + 1, FRAME_BYTES * 2, 1_048_576]) expect(await socket.refused(frame(bytes))).toMatchObject({ code: "frame_too_large" });
    expect((await ann.raw("POST", "/v1/messages", { body: frame(FRAME_BYTES) })).status).toBe(201);
    expect(codeOf(await ann.raw("POST", "/v1/messages", { body: frame(FRAME_BYTES + 1) }))).toBe("413 frame_too_large");
    expect(await socket.ask({ type: "msg", to: bob.name, content: "still open", client_msg_id: "after" })).toMatchObject({ type: "ack", seq: 3 });
  });

  test("an array is one frame: its items together have 128 KiB", async () => {
    const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
    const socket = await ann.socket();
    const item = (key: string): string => JSON.stringify({ type: "msg", to: bob.name, content: "x".repeat(60_000), client_msg_id: key });
    socket.sendText(`[${item("one")},${item("two")}]`);
    expect(await socket.take({ client_msg_id: "two" })).toMatchObject({ type: "ack", seq: 2 });
    expect(await socket.refused(`[${item("three")},${item("four")},${item("five")}]`)).toMatchObject({ code: "frame_too_large" });
    expect(await socket.ask({ type: "msg", to: bob.name, content: "x", client_msg_id: "six" })).toMatchObject({ type: "ack", seq: 3 });
  });

  test("a body over its limit is refused, also without a length, and the next request is answered", async () => {
    const ann = await newUser(product, "ann");
    for (const bytes of [FRAME_BYTES + 1, 200_000, 900_000]) {
      for (const chunked of [false, true]) {
        const body = chunked ? new Blob(["x".repeat(bytes)]).stream() : "x".repeat(bytes);
        const response = await fetch(`${product.url}/v1/messages`, {
          method: "POST", headers: { authorization: `Bearer ${ann.token}` }, body, ...(chunked ? { duplex: "half" } : {}),
        });
        expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([413, "frame_too_large"]);
        expect((await ann.call("GET", "/v1/conversations")).status).toBe(200);
      }
    }
  });
});
