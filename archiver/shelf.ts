// Segments that are left in the bucket for now: wrong ones (quarantined), and those that the edge or the store refused.
// In memory: after a restart each is tried once more, which changes nothing.
import { retryDelay } from "../domain/retry.ts";
import { WrongSegment } from "./checked-segment.ts";
import { AckRefused } from "./edge.ts";
import type { ListedObject } from "./s3.ts";

const RARELY_MS = 3_600_000;
/** More are not remembered: the oldest of them are tried again with the next look, and kept again. */
export const SHELF_MAX = 50_000;

interface Kept {
  version: string;
  /** The segment itself is wrong. */
  quarantined: boolean;
  attempts: number;
  /** ms */
  retry_at: number;
}

/** An overloaded or restarting conversation takes the acknowledgement soon; all else needs somebody to act. */
function passesSoon(error: unknown): boolean {
  return error instanceof AckRefused && (error.status === 429 || error.status >= 500);
}

/** The same bytes put again, with other metadata, have the same ETag. */
function versionOf({ etag, modified_at }: ListedObject): string {
  return `${etag} ${modified_at}`;
}

export class Shelf {
  readonly #kept = new Map<string, Kept>();
  #quarantined = 0;

  /** @param random in [0, 1) */
  keep(object: ListedObject, error: unknown, now: number, random: number): void {
    const attempts = (this.#kept.get(object.key)?.attempts ?? 0) + 1;
    const wait = passesSoon(error) ? retryDelay(attempts, random) : Math.round(RARELY_MS * (0.75 + random * 0.5));
    this.forget(object.key);
    this.#kept.set(object.key, { version: versionOf(object), quarantined: error instanceof WrongSegment, attempts, retry_at: now + wait });
    if (error instanceof WrongSegment) this.#quarantined += 1;
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > SHELF_MAX && oldest !== undefined) this.forget(oldest);
  }

  /** Whether to try an object now: it was never kept, its time has come, or it is another one than then. */
  isDue(object: ListedObject, now: number): boolean {
    const kept = this.#kept.get(object.key);
    return kept === undefined || kept.retry_at <= now || kept.version !== versionOf(object);
  }

  has(key: string): boolean {
    return this.#kept.has(key);
  }

  /** False where it was not kept. */
  forget(key: string): boolean {
    if (this.#kept.get(key)?.quarantined === true) this.#quarantined -= 1;
    return this.#kept.delete(key);
  }

  /** Drops what is no longer in the bucket. */
  retain(keys: ReadonlySet<string>): void {
    for (const key of this.#kept.keys()) if (!keys.has(key)) this.forget(key);
  }

  counts(): { quarantined: number; refused: number } {
    return { quarantined: this.#quarantined, refused: this.#kept.size - this.#quarantined };
  }
}
