// `chat.v1.pb`: chat.proto covers the schemas, frames come through unchanged, and bad bytes get typed errors.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeFrames, type DecodedFrame, encodeFrames } from "../../protocol/codec-json.ts";
import { decodeBinaryDown, decodeBinaryFrames, encodeBinaryFrames, encodeBinaryUp, transcode } from "../../protocol/codec-protobuf.ts";
import { ERRORS } from "../../protocol/errors.ts";
import { DownFrame } from "../../protocol/frames/down.ts";
import { encodeNotify } from "../../protocol/frames/notify.ts";
import { UP_FRAMES } from "../../protocol/frames/up.ts";
import { DownFramesSchema, UpFramesSchema } from "../../protocol/generated/chat_pb.ts";
import { FRAME_BYTES, FRAMES_PER_ARRAY } from "../../protocol/limits.ts";
import { generate, GENERATED, PROTO } from "../../scripts/proto/generate.ts";
import { protoChanges, protoText } from "../../scripts/proto/text.ts";
import { valuesOf } from "./arbitraries.ts";

const downFrame = valuesOf(DownFrame) as fc.Arbitrary<DownFrame>;
const upFrame = fc.oneof(...Object.values(UP_FRAMES).map(valuesOf)) as fc.Arbitrary<object>;
const CONVERSATION = `d.${"0".repeat(64)}`;

test("[D5] chat.proto has the fields of the schemas, no more and no fewer [W1]", () => {
  const text = readFileSync(PROTO, "utf8");
  const wanted = protoText(text);
  if (text !== wanted) throw new Error(`protocol/chat.proto is not what the schemas in protocol/frames say. Run \`npm run proto\`, and commit what it changes:\n${protoChanges(text, wanted).join("\n")}`);
});

test("[D5] the generated code is that of chat.proto [W1]", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "confab-proto-"));
  try {
    generate(folder);
    const same = readFileSync(path.join(folder, "chat_pb.ts"), "utf8") === readFileSync(path.join(GENERATED, "chat_pb.ts"), "utf8");
    if (!same) throw new Error("protocol/generated/chat_pb.ts is not made from chat.proto. Run `npm run proto`, and commit what it changes.");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("[D5] a number is never used for a second field [W2]", () => {
  const text = readFileSync(PROTO, "utf8");
  const numberOf = (proto: string, field: string): string | undefined => new RegExp(`^ +\\S.* ${field} = (\\d+);`, "m").exec(proto.slice(proto.indexOf("message UpMsg {")))?.[1];
  const renamed = text.replace("optional string media_key = ", "optional string other = ");
  const after = protoText(renamed);
  expect(after).toContain(`reserved ${numberOf(renamed, "other")};`);
  expect(Number(numberOf(after, "media_key"))).toBeGreaterThan(Number(numberOf(text, "client_sequence_number")));
  expect(numberOf(after, "reply_to")).toBe(numberOf(text, "reply_to"));
  expect(protoText(after)).toBe(after);
  // Two branches that gave one number to two fields, as git puts them side by side.
  const both = text.replace(/^( +)optional string media_key = (\d+);$/m, "$&\n$1optional string reply_to = $2;").replace(/^ +optional string reply_to = (?!6).*\n/m, "");
  expect(new Set(protoText(both).slice(0, 3_000).match(/UpMsg \{[^}]*\}[^}]*\}/)?.[0].match(/= \d+;/g)).size).toBe(10 - 1);
});

test("[D5] every frame of the server comes through protobuf as it comes through JSON [W3]", () => {
  fc.assert(fc.property(fc.array(downFrame, { minLength: 1, maxLength: 3 }), (frames) => {
    const plain = JSON.parse(JSON.stringify(frames)) as DownFrame[];
    const bytes = encodeBinaryFrames(frames);
    expect(decodeBinaryDown(bytes)).toEqual(plain);
    expect(transcode(encodeFrames(frames))).toEqual(bytes);
    expect(bytes.byteLength).toBeLessThan(Buffer.byteLength(encodeFrames(frames)));
    // As another implementation reads and writes it, and nothing in it is unknown there.
    const message = fromBinary(DownFramesSchema, bytes);
    expect(decodeBinaryDown(toBinary(DownFramesSchema, message, { writeUnknownFields: false }))).toEqual(plain);
  }), { numRuns: 2_000 });
});

test("[D5] every frame of a client means the same in both encodings [W3]", () => {
  fc.assert(fc.property(fc.array(upFrame, { minLength: 1, maxLength: 3 }), (frames) => {
    const bytes = encodeBinaryUp(frames);
    const decoded = decodeBinaryFrames(bytes);
    expect(decoded).toEqual(decodeFrames(JSON.stringify(frames)));
    expect(decoded.every((item) => item.ok)).toBe(true);
    expect(bytes.byteLength).toBeLessThan(Buffer.byteLength(encodeFrames(frames)));
    const message = fromBinary(UpFramesSchema, bytes);
    expect(decodeBinaryFrames(toBinary(UpFramesSchema, message, { writeUnknownFields: false }))).toEqual(decoded);
  }), { numRuns: 2_000 });
});

test("[D5] joined messages are one message with the frames of both; none is a notify [W4]", () => {
  fc.assert(fc.property(fc.array(downFrame, { minLength: 1, maxLength: 4 }), (frames) => {
    const joined = Buffer.concat(frames.map((frame) => encodeBinaryFrames([frame])));
    expect(joined).toEqual(Buffer.from(encodeBinaryFrames(frames)));
    expect(joined[0]).not.toBe(0);
  }));
  expect(encodeNotify("00ff00ff00ff00ff", 7)[0]).toBe(0);
});

const errorsOf = (decoded: DecodedFrame[]): string[] => decoded.map((item) => (item.ok ? "ok" : item.error.code));
const good = { type: "open", conversation_id: CONVERSATION };

/** A message of one frame, by hand. */
function framed(fill: (writer: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).fork();
  fill(writer);
  return writer.join().finish();
}

test("[bad input] bytes of any kind are answered with frames or typed errors [W5]", () => {
  const mutated = fc.tuple(fc.array(upFrame, { minLength: 1, maxLength: 3 }), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.option(fc.nat(), { nil: null }))
    .map(([frames, changes, cut]) => {
      const bytes = encodeBinaryUp(frames);
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      return cut === null ? bytes : bytes.slice(0, cut % bytes.length);
    });
  fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
    const decoded = decodeBinaryFrames(bytes);
    expect(decoded.length).toBeGreaterThan(0);
    for (const item of decoded) if (!item.ok) expect(Object.keys(ERRORS)).toContain(item.error.code);
  }), { numRuns: 5_000 });
});

test.each<[string, Uint8Array, string[]]>([
  ["nothing", new Uint8Array(), ["bad_frame"]],
  ["a text", Buffer.from(JSON.stringify(good)), ["bad_frame"]],
  ["a frame without a type", framed(() => undefined), ["bad_frame"]],
  ["a type that is not known here", framed((writer) => writer.tag(999, WireType.LengthDelimited).string("x")), ["unknown_type"]],
  ["a good frame after one that is cut", Buffer.concat([framed((writer) => writer.raw(new Uint8Array([10, 200]))), encodeBinaryUp([good])]), ["bad_frame", "ok"]],
  ["a cut at the end", encodeBinaryUp([good, good]).slice(0, -1), ["bad_frame"]],
  ["groups in groups", framed((writer) => writer.raw(new Uint8Array(50_000).fill(0x0b))), ["bad_frame"]],
  ["a string that is no UTF-8", framed((writer) => writer.tag(6, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).bytes(new Uint8Array([0xff, 0xfe])).join()), ["bad_frame"]],
  ["a number above 2^53", framed((writer) => writer.tag(5, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(CONVERSATION).tag(2, WireType.Varint).uint64(2n ** 63n).tag(3, WireType.LengthDelimited).string("READ").join()), ["bad_frame"]],
  ["a field of another wire type", framed((writer) => writer.tag(6, WireType.LengthDelimited).fork().tag(1, WireType.Varint).uint32(1).join()), ["bad_frame"]],
  ["a field that is not known here", framed((writer) => writer.tag(6, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(CONVERSATION).tag(99, WireType.Bit32).fixed32(1).join()), ["ok"]],
  ["a record longer than its frame", framed((writer) => writer.tag(6, WireType.LengthDelimited).uint32(2).raw(new Uint8Array([10, 5]))), ["bad_frame"]],
  ["a key that would set a prototype", encodeBinaryUp([{ type: "resume", cursors: JSON.parse('{"__proto__":{"epoch":1,"seq":1}}') as object }]), errorsOf(decodeFrames('{"type":"resume","cursors":{"__proto__":{"epoch":1,"seq":1}}}'))],
  ["too many frames", Buffer.concat(Array.from({ length: FRAMES_PER_ARRAY + 1 }, () => framed(() => undefined))), ["bad_frame"]],
  ["a message over its limit", new Uint8Array(FRAME_BYTES + 1), ["frame_too_large"]],
  ["content over its limit", encodeBinaryUp([{ type: "msg", to: "bob", client_msg_id: "k", content: "x".repeat(70_000) }]), ["content_too_large"]],
])("[bad input] %s [W5]", (_what, bytes, codes) => {
  expect(errorsOf(decodeBinaryFrames(bytes))).toEqual(codes);
});

test("[bad input] an error names the frame that it means [W5]", () => {
  const [answer] = decodeBinaryFrames(encodeBinaryUp([{ type: "msg", to: "bob", client_msg_id: "k7", content: "" }]));
  expect(answer).toMatchObject({ ok: false, error: { code: "bad_frame", client_msg_id: "k7" } });
});

test("[D5] what protobuf can't say is refused, not altered [W3]", () => {
  for (const total of [-1, 0.5, 2 ** 53, Number.NaN]) expect(() => encodeBinaryFrames([{ type: "going_away", retry_after_ms: total }])).toThrow("no whole number");
  expect(() => encodeBinaryFrames([{ type: "nobody_knows" }])).toThrow("nobody_knows");
});
