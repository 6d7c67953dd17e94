// A conversation's rows in the order of their ids, over its buckets, a page at a time.
import { bucketOf } from "../../protocol/msg-id.ts";
import type { ArchiveStore, RawRow } from "../stores/store.ts";

const PAGE = 250;
/** Digits of a bucket's month; a hot month's parts have more behind it. */
const MONTH = 7;

export class RowReader {
  readonly #store: Pick<ArchiveStore, "buckets" | "scan">;
  readonly #conversationId: string;
  #buckets: string[] | null = null;
  /** Which bucket the last row that was given lies in: whoever goes on behind it begins there. */
  #last: { message_id: string; bucket: number } | null = null;

  constructor(store: Pick<ArchiveStore, "buckets" | "scan">, conversationId: string) {
    this.#store = store;
    this.#conversationId = conversationId;
  }

  /** Rows with ids above `after`, up to `upTo` where it is given. The caller stops when it has enough. */
  async *after(after: string | null, upTo: string | null = null): AsyncGenerator<RawRow> {
    this.#buckets ??= await this.#store.buckets(this.#conversationId);
    const begin = this.#last !== null && this.#last.message_id === after ? this.#last.bucket : 0;
    for (const [i, bucket] of this.#buckets.entries()) {
      if (i < begin || (after !== null && bucket.slice(0, MONTH) < bucketOf(after))) continue;
      for (let last = after; ;) {
        const page = await this.#store.scan(this.#conversationId, bucket, last, PAGE);
        for (const row of page) {
          if (upTo !== null && row.message_id > upTo) break;
          this.#last = { message_id: row.message_id, bucket: i };
          yield row;
        }
        const end = page.at(-1);
        if (end === undefined || page.length < PAGE || (upTo !== null && end.message_id > upTo)) break;
        last = end.message_id;
      }
    }
  }

  /** The rows of one clock, µs: one, where nothing was made by hand. */
  async ofClock(month: string, first: string, last: string): Promise<RawRow[]> {
    this.#buckets ??= await this.#store.buckets(this.#conversationId);
    const found: RawRow[] = [];
    // Of a hot month any of its parts may have it.
    for (const bucket of this.#buckets.filter((name) => name.startsWith(month))) {
      // `scan` begins behind a place, and ids of one clock differ behind it.
      const page = await this.#store.scan(this.#conversationId, bucket, before(first), 8);
      found.push(...page.filter((row) => row.message_id >= first && row.message_id <= last));
    }
    return found;
  }
}

/** The id before one that ends in zeros. */
function before(id: string): string {
  const digits = BigInt(`0x${id.replaceAll("-", "")}`) - 1n;
  const hex = digits.toString(16).padStart(32, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
