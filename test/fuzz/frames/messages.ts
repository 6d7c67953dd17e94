// Messages of clients in both encodings: frames derived from their schemas, mutated, written, and what is written mutated again.
import fc from "fast-check";
import { encodeBinaryUp } from "../../../protocol/codec-protobuf.ts";
import { UP_FRAMES } from "../../../protocol/frames/up.ts";
import { valuesOf } from "../../protocol/arbitraries.ts";
import { mutated, mutation } from "../mutations.ts";

export const upFrame = fc.oneof(...Object.values(UP_FRAMES).map(valuesOf)) as fc.Arbitrary<object>;

/** One or several frames; mostly not quite right ones. */
const values = (frame: fc.Arbitrary<object>): fc.Arbitrary<unknown> => fc.tuple(fc.array(frame, { minLength: 1, maxLength: 3 }), fc.array(mutation, { maxLength: 3 }), fc.boolean())
  .map(([frames, mutations, alone]) => mutated(alone ? frames[0] : frames, mutations));

/** What JSON.stringify would never write. */
const spellings: fc.Arbitrary<(text: string) => string> = fc.oneof(
  { weight: 8, arbitrary: fc.constant((text: string) => text) },
  fc.nat().map((at) => (text: string) => text.slice(0, at % (text.length + 1))),
  fc.tuple(fc.nat(), fc.string({ unit: "binary", maxLength: 5 })).map(([at, more]) => (text: string) => insert(text, at, more)),
  fc.constant((text: string) => text.replace("{", '{"type":"msg","type":"shout",')),
  fc.constant((text: string) => text.replace(/\d+/, "1e400")), fc.constant((text: string) => text.replace(/\d+/, "0$&")), fc.constant((text: string) => text.replace(/\d+/, "-$&.0e0")),
  fc.constant((text: string) => text.replace(/"(\w)/, (_, first: string) => `"\\u00${first.charCodeAt(0).toString(16)}`)),
  fc.constant((text: string) => `\ufeff${text}`), fc.constant((text: string) => `${text}${text}`), fc.constant((text: string) => text.replaceAll(":", " :\n\t")), fc.constant((text: string) => text.replace("x", "\ufffd")),
  fc.constantFrom(1_000, 50_000).map((depth) => (text: string) => `${"[".repeat(depth)}${text}${"]".repeat(depth)}`),
);

export function jsonMessages(frame: fc.Arbitrary<object> = upFrame): fc.Arbitrary<string> {
  return fc.tuple(values(frame), spellings).map(([value, spell]) => spell(JSON.stringify(value)));
}

const bytes = fc.uint8Array({ maxLength: 12 });
const damage: fc.Arbitrary<(message: Uint8Array) => Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: fc.constant((message: Uint8Array) => message) },
  { weight: 6, arbitrary: fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => (message: Uint8Array) => message.with(at % message.length, byte)) },
  fc.nat().map((at) => (message: Uint8Array) => message.slice(0, at % (message.length + 1))),
  fc.tuple(fc.nat(), bytes).map(([at, more]) => (message: Uint8Array) => spliced(message, at, more)),
  // A part of it once more: fields that come twice, and lengths that lie.
  fc.tuple(fc.nat(), fc.nat(), fc.nat()).map(([at, from, length]) => (message: Uint8Array) => spliced(message, at, message.slice(from % message.length, (from % message.length) + (length % 40)))),
  // Groups within groups, which a reader has to skip.
  fc.constantFrom(10, 1_000, 100_000).map((depth) => (message: Uint8Array) => spliced(message, message.length, new Uint8Array(depth).fill(0x7b))),
  // A number that takes more bytes than there are for one.
  fc.constant((message: Uint8Array) => spliced(message, 0, new Uint8Array(20).fill(0xff))),
);

export function binaryMessages(frame: fc.Arbitrary<object> = upFrame): fc.Arbitrary<Uint8Array> {
  const damaged = fc.tuple(fc.array(frame, { minLength: 1, maxLength: 3 }), fc.array(damage, { maxLength: 3 }))
    .map(([frames, damages]) => damages.reduce((message, each) => (message.length === 0 ? message : each(message)), encodeBinaryUp(frames)));
  return fc.oneof(fc.uint8Array({ maxLength: 300 }), { weight: 6, arbitrary: damaged });
}

function insert(text: string, at: number, more: string): string {
  const place = at % (text.length + 1);
  return text.slice(0, place) + more + text.slice(place);
}

function spliced(message: Uint8Array, at: number, more: Uint8Array): Uint8Array {
  const place = at % (message.length + 1);
  return Uint8Array.from([...message.subarray(0, place), ...more, ...message.subarray(place)]);
}
