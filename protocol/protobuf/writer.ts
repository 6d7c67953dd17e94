// Bytes of protobuf. In place of the library's writer: the text of a frame is mostly short ids, and a call into the runtime
// for each of them, and a bigint for each time, cost seven times this.

export const VARINT = 0;
export const DELIMITED = 2;

/** Longer texts are given to the runtime's encoder. */
const BY_HAND = 256;
const encoder = new TextEncoder();

/** One at a time: a frame is written without a pause. */
let shared = new Uint8Array(16 * 1024);
/** What is larger is not kept after its message. */
const KEPT = 1024 * 1024;

export class Writer {
  private pos = 0;
  private readonly begun: number[] = [];

  finish(): Uint8Array {
    const bytes = shared.slice(0, this.pos);
    if (shared.byteLength > KEPT) shared = new Uint8Array(KEPT);
    return bytes;
  }

  tag(number: number, wire: typeof VARINT | typeof DELIMITED): this {
    return this.varint(number * 8 + wire);
  }

  /** Throws on what is no whole number from 0 to 2⁵³ - 1. */
  varint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`no whole number from 0 to 2^53 - 1: ${value}`);
    this.room(8);
    let rest = value;
    // Above 31 bits the operators of bits can't be used.
    while (rest > 0x7fffffff) {
      shared[this.pos++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      shared[this.pos++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    shared[this.pos++] = rest;
    return this;
  }

  bool(value: boolean): this {
    return this.varint(value ? 1 : 0);
  }

  string(value: string): this {
    const { length } = value;
    this.room(length * 3 + 5);
    this.fork();
    if (length > BY_HAND || !this.ascii(value)) this.pos += encoder.encodeInto(value, shared.subarray(this.pos)).written;
    return this.join();
  }

  /** Begins what `join` gives its length. */
  fork(): this {
    this.room(1);
    this.begun.push(this.pos);
    this.pos += 1;
    return this;
  }

  join(): this {
    const from = this.begun.pop();
    if (from === undefined) throw new Error("nothing was begun");
    const length = this.pos - from - 1;
    let prefix = 1;
    for (let rest = length >>> 7; rest > 0; rest >>>= 7) prefix += 1;
    if (prefix > 1) {
      this.room(prefix);
      shared.copyWithin(from + prefix, from + 1, this.pos);
    }
    this.pos = from;
    this.varint(length);
    this.pos += length;
    return this;
  }

  /** False: it holds something else, and nothing is written. */
  private ascii(value: string): boolean {
    const { pos } = this;
    for (let i = 0; i < value.length; i += 1) {
      const unit = value.charCodeAt(i);
      if (unit > 127) return false;
      shared[pos + i] = unit;
    }
    this.pos = pos + value.length;
    return true;
  }

  private room(bytes: number): void {
    if (this.pos + bytes <= shared.byteLength) return;
    const larger = new Uint8Array(Math.max(shared.byteLength * 2, this.pos + bytes));
    larger.set(shared.subarray(0, this.pos));
    shared = larger;
  }
}
