// What is written on one connection, and how it may end. Each kind is wrong in its own way, or right and strange.
import { deflateRawSync } from "node:zlib";
import type { Random } from "../../../verify/random.ts";
import { closeFrame, frameBytes, OPCODES, text } from "./frame.ts";

/**
 * How the server may take it. `usable`: it goes on, and the next frame is answered. `closed`: it closes, with one of these codes.
 * `lenient`: a server should close it, and the runtime also goes on. `waits`: what was sent is not whole, so that anything that
 * follows may be taken for a part of it.
 */
export type Expectation = { end: "usable" } | { end: "closed" | "lenient" | "waits"; codes: readonly number[] };

export interface Script {
  kind: Kind;
  /** Written one after the other. */
  pieces: Buffer[];
  frames: number;
  expects: Expectation;
  deflate: boolean;
  /** How this side leaves it when the server has not. */
  leave: "close" | "cut" | "half";
}

type Made = { bytes: Buffer[]; expects: Expectation; deflate?: boolean };

const usable = { end: "usable" } as const;
const closed = (...codes: number[]) => ({ end: "closed", codes }) as const;
const lenient = (...codes: number[]) => ({ end: "lenient", codes }) as const;
const waits = (...codes: number[]) => ({ end: "waits", codes }) as const;
const MESSAGES = ['{"type":"heartbeat","profile":"steady"}', "ping", "{", "[]", '{"type":"shout"}', '{"type":"open","conversation_id":"g.00000000000000000000000000000000"}', "", "null"];

const junk = (random: Random, most: number): Buffer => {
  const bytes = Buffer.alloc(random.int(0, most));
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = random.int(0, 255);
  return bytes;
};
const message = (random: Random): string => random.pick(MESSAGES);
const control = (random: Random): Buffer => frameBytes({ opcode: random.pick([OPCODES.ping, OPCODES.pong]), payload: junk(random, 125) });

/** A message in parts, with control frames between them. */
function fragmented(random: Random, content: Buffer, opcode: number): Buffer[] {
  const parts = random.int(2, 6);
  const cuts = Array.from({ length: parts - 1 }, () => random.int(0, content.length)).toSorted((a, b) => a - b);
  const ends = [...cuts, content.length];
  return ends.flatMap((end, i) => [
    frameBytes({ opcode: i === 0 ? opcode : OPCODES.continuation, payload: content.subarray(ends[i - 1] ?? 0, end), fin: i === ends.length - 1 }),
    ...(i < ends.length - 1 && random.chance(0.3) ? [control(random)] : []),
  ]);
}

function good(random: Random): Buffer[] {
  const kind = random.int(0, 3);
  if (kind === 0) return [control(random)];
  if (kind === 1) return fragmented(random, Buffer.from(message(random)), OPCODES.text);
  return [text(message(random))];
}

const many = (random: Random, least: number, most: number): Buffer[] => Array.from({ length: random.int(least, most) }, () => good(random)).flat();
/** Some good ones first, so that it does not always meet a fresh connection. */
const after = (random: Random, bad: Buffer[]): Buffer[] => [...many(random, 0, 6), ...bad];

const KINDS = {
  valid: (random) => ({ bytes: many(random, 100, 600), expects: usable }),
  controls: (random) => ({ bytes: Array.from({ length: random.int(200, 1_500) }, () => control(random)), expects: usable }),
  unmasked: (random) => ({ bytes: after(random, [text(message(random), { masked: false })]), expects: lenient(1002) }),
  reserved_bits: (random) => ({ bytes: after(random, [text(message(random), { reserved: random.pick([1, 2, 3]) })]), expects: closed(1002) }),
  compressed_unasked: (random) => ({ bytes: after(random, [text(message(random), { reserved: random.pick([4, 5, 6, 7]) })]), expects: closed(1002) }),
  reserved_opcode: (random) => ({ bytes: after(random, [frameBytes({ opcode: random.pick([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), payload: junk(random, 100) })]), expects: closed(1002) }),
  continuation_of_nothing: (random) => ({ bytes: after(random, [frameBytes({ opcode: OPCODES.continuation, payload: junk(random, 50), fin: random.chance(0.5) })]), expects: closed(1002) }),
  message_within_message: (random) => ({ bytes: after(random, [text("{", { fin: false }), text(message(random))]), expects: closed(1002) }),
  control_in_parts: (random) => ({ bytes: after(random, [frameBytes({ opcode: random.pick([OPCODES.ping, OPCODES.pong, OPCODES.close]), payload: junk(random, 50), fin: false })]), expects: closed(1002) }),
  control_too_long: (random) => ({ bytes: after(random, [frameBytes({ opcode: random.pick([OPCODES.ping, OPCODES.pong]), payload: Buffer.alloc(random.int(126, 70_000)) })]), expects: lenient(1002) }),
  invalid_utf8: (random) => ({ bytes: after(random, [frameBytes({ opcode: OPCODES.text, payload: Buffer.concat([Buffer.from('{"type":"'), random.pick([[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80]].map((bytes) => Buffer.from(bytes)))]) })]), expects: usable }),
  binary: (random) => ({ bytes: after(random, [frameBytes({ opcode: OPCODES.binary, payload: junk(random, 2_000) })]), expects: usable }),
  over_the_limit: (random) => ({ bytes: after(random, [text("x".repeat(random.int(128 * 1024 + 1, 1024 * 1024)))]), expects: usable }),
  long_way_of_length: (random) => ({ bytes: after(random, [text("ping", { width: random.pick([16, 64]) })]), expects: lenient(1002) }),
  sign_in_length: (random) => ({ bytes: after(random, [text("x", { width: 64, length: (1n << 63n) | BigInt(random.int(0, 1_000)) })]), expects: waits(1002, 1009) }),
  enormous_length: (random) => ({ bytes: after(random, [text("x".repeat(random.int(1, 500)), { width: 64, length: 1n << BigInt(random.int(26, 62)) })]), expects: closed(1009) }),
  less_than_said: (random) => ({ bytes: after(random, [text("x", { width: 16, length: BigInt(random.int(2, 65_535)) })]), expects: waits(1000, 1002, 1005, 1009) }),
  header_cut: (random) => ({ bytes: after(random, [text("x".repeat(300)).subarray(0, random.int(1, 7))]), expects: waits(1000, 1002, 1005, 1009) }),
  fragments_without_end: (random) => ({ bytes: after(random, [text("{", { fin: false }), ...Array.from({ length: random.int(1, 60) }, () => frameBytes({ opcode: OPCODES.continuation, payload: junk(random, 200), fin: false }))]), expects: waits(1000, 1002, 1005, 1009) }),
  garbage: (random) => ({ bytes: after(random, [junk(random, 4_000)]), expects: waits(1000, 1002, 1005, 1009) }),
  close_good: (random) => ({ bytes: after(random, [closeFrame(random.pick([1000, 1001, 1011, 3000, 4000, 4999]), Buffer.from("bye"))]), expects: closed(1000, 1001, 1011, 3000, 4000, 4999) }),
  close_empty: (random) => ({ bytes: after(random, [closeFrame(null)]), expects: closed(1000) }),
  close_of_a_byte: (random) => ({ bytes: after(random, [frameBytes({ opcode: OPCODES.close, payload: Buffer.from([3]) })]), expects: closed(1000, 1002) }),
  close_forbidden_code: (random) => ({ bytes: after(random, [closeFrame(random.pick([0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535]))]), expects: closed(1000, 1002, 1007) }),
  close_reason_not_utf8: (random) => ({ bytes: after(random, [closeFrame(1000, Buffer.from([0xff, 0xfe]))]), expects: closed(1000, 1002, 1007) }),
  after_close: (random) => ({ bytes: after(random, [closeFrame(1000), ...many(random, 1, 10)]), expects: closed(1000) }),
  deflate_garbage: (random) => ({ deflate: true, bytes: after(random, [frameBytes({ opcode: OPCODES.text, payload: junk(random, 500), reserved: 4 })]), expects: lenient(1002, 1007, 1009) }),
  deflate_good: (random) => ({ deflate: true, bytes: Array.from({ length: random.int(1, 20) }, () => frameBytes({ opcode: OPCODES.text, payload: deflated(message(random)), reserved: 4 })), expects: usable }),
  deflate_bomb: () => ({ deflate: true, bytes: [frameBytes({ opcode: OPCODES.text, payload: deflated("x".repeat(33 * 1024 * 1024)), reserved: 4 })], expects: closed(1009) }),
  message_of_33_mib: () => ({ bytes: [text("x".repeat(33 * 1024 * 1024))], expects: closed(1009) }),
  parts_of_33_mib: () => ({ bytes: Array.from({ length: 33 }, (_, i) => frameBytes({ opcode: i === 0 ? OPCODES.text : OPCODES.continuation, payload: Buffer.alloc(1024 * 1024, 120), fin: i === 32 })), expects: closed(1009) }),
} satisfies Record<string, (random: Random) => Made>;

export type Kind = keyof typeof KINDS;
export const ALL_KINDS = Object.keys(KINDS) as Kind[];
/** They cost tens of megabytes each, and the like of them is rare. */
export const HEAVY: ReadonlySet<Kind> = new Set(["message_of_33_mib", "parts_of_33_mib", "deflate_bomb"]);

export function script(kind: Kind, random: Random): Script {
  const made: Made = KINDS[kind](random);
  const whole = Buffer.concat(made.bytes);
  return {
    kind, frames: made.bytes.length, expects: made.expects, deflate: made.deflate ?? false,
    pieces: HEAVY.has(kind) || random.chance(0.7) ? [whole] : cutUp(whole, random),
    leave: random.pick(["close", "cut", "half"]),
  };
}

/** As a slow or hostile network delivers it. */
function cutUp(bytes: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length && pieces.length < 40;) {
    const next = Math.min(bytes.length, at + random.int(1, random.chance(0.5) ? 3 : 2_000));
    pieces.push(bytes.subarray(at, next));
    at = next;
  }
  const sent = pieces.reduce((sum, { length }) => sum + length, 0);
  return sent < bytes.length ? [...pieces, bytes.subarray(sent)] : pieces;
}

function deflated(content: string): Buffer {
  const raw = deflateRawSync(Buffer.from(content), { finishFlush: 2 });
  return raw.subarray(-4).equals(Buffer.from([0, 0, 0xff, 0xff])) ? raw.subarray(0, -4) : raw;
}
