// Which object of the directory holds what. Never changed once people are in it: another count would look in other objects.
import { beginningOf } from "../../domain/users.ts";
import { sha256Hex } from "../platform/hash.ts";

/** One of 256, so that nobody's searches or handles can make objects without end. */
export function handleShard(handle: string): string {
  return `handles.${sha256Hex(handle).slice(0, 2)}`;
}

/** All words with one beginning are in one shard, so that a search asks one object. */
export function wordShard(word: string): string {
  return `words.${sha256Hex(beginningOf(word)).slice(0, 2)}`;
}
