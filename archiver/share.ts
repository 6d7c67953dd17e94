// Which part of the bucket is whose: 256 shards, each to the living archiver that scores highest for it (rendezvous
// hashing). All who see the same archivers come to the same answer; when one ends, its shards alone change hands. Pure.
import { hash } from "node:crypto";
import { SEGMENT_PREFIX } from "../protocol/segment.ts";

export const SHARDS = 256;

const startOf = (shard: number) => `${SEGMENT_PREFIX}${shard.toString(16).padStart(2, "0")}`;

/** Any key has a shard, also one that is no segment's: that in whose stretch of the listing it lies. */
export function shardOf(key: string): number {
  let [low, high] = [0, SHARDS - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (key >= `${startOf(middle)}/`) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** What one archiver works on. */
export class Share {
  readonly #owned: ReadonlySet<number>;
  /** Archivers that share the work. */
  readonly archivers: number;

  constructor(owned: ReadonlySet<number>, archivers: number) {
    this.#owned = owned;
    this.archivers = archivers;
  }

  get shards(): number {
    return this.#owned.size;
  }

  owns(key: string): boolean {
    return this.#owned.has(shardOf(key));
  }

  /** The place from which to list on, past what is others'; null where nothing of one's own comes after it. */
  from(after: string): string | null {
    let shard = shardOf(after);
    while (shard < SHARDS && !this.#owned.has(shard)) shard += 1;
    if (shard === SHARDS) return null;
    // A listing starts after its place: this sorts just before the shard's first key.
    return startOf(shard) > after && shard !== shardOf(after) ? startOf(shard) : after;
  }

  equals(other: Share): boolean {
    return this.archivers === other.archivers && this.#owned.size === other.#owned.size && [...this.#owned].every((shard) => other.#owned.has(shard));
  }
}

const scoreOf = (archiver: string, shard: number) => hash("sha256", `${archiver} ${shard}`, "buffer").readUIntBE(0, 6);

/** @param living ids of the archivers that are alive; `me` counts, whether it is among them or not */
export function planShare(me: string, living: readonly string[]): Share {
  const all = [...new Set([me, ...living])].toSorted();
  const owned = new Set<number>();
  for (let shard = 0; shard < SHARDS; shard += 1) {
    const best = all.map((archiver) => ({ archiver, score: scoreOf(archiver, shard) })).reduce((a, b) => (b.score > a.score ? b : a));
    if (best.archiver === me) owned.add(shard);
  }
  return new Share(owned, all.length);
}

export const WHOLE = planShare("", []);
