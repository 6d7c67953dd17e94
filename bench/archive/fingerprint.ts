// What a conversation's rows must come to, whatever order they are read in: each seq once, and the content of all.
import { hash } from "node:crypto";

export interface FingerprintRow {
  seq: number;
  msg_id: string;
  sender_id: string;
  client_msg_id?: string | undefined;
  content: string;
  body: string;
  salt: string;
  content_hash: string;
}

export class Fingerprint {
  readonly #seen: Uint8Array;
  #count = 0;
  #sum = 0;
  #mixed = 0;

  /** @param length rows of seq 1 to this */
  constructor(length: number) {
    this.#seen = new Uint8Array(length + 1);
  }

  /** Throws on a seq that is there already, or that is none of these. */
  add({ seq, msg_id, sender_id, client_msg_id, content, body, salt, content_hash }: FingerprintRow): void {
    if (!(seq >= 1 && seq < this.#seen.length)) throw new Error(`seq ${seq} was never sealed`);
    if (this.#seen[seq] === 1) throw new Error(`seq ${seq} is there twice`);
    this.#seen[seq] = 1;
    this.#count += 1;
    const digest = hash("sha256", JSON.stringify([seq, msg_id, sender_id, client_msg_id ?? null, content, body, salt, content_hash]), "buffer");
    this.#sum = (this.#sum + digest.readUInt32BE(0)) >>> 0;
    this.#mixed = (this.#mixed ^ digest.readUInt32BE(4)) >>> 0;
  }

  get count(): number {
    return this.#count;
  }

  equals(other: Fingerprint): boolean {
    return this.#count === other.#count && this.#sum === other.#sum && this.#mixed === other.#mixed && Buffer.from(this.#seen).equals(other.#seen);
  }

  /** One of the same length, without rows. */
  fresh(): Fingerprint {
    return new Fingerprint(this.#seen.length - 1);
  }
}
