// A search in one shard of words.
import { isFound } from "../../domain/users.ts";
import type { Found } from "../../protocol/users.ts";
import type { DirectoryStore } from "./store.ts";

const PAGE = 200;
/** Rows that one search looks at: a common beginning with a rare second word must not read the whole shard. */
const SCANNED = 4_000;

export function findPeople(store: DirectoryStore, words: readonly string[], limit: number): Found[] {
  const found = new Map<string, Found>();
  const [first = ""] = words;
  let after = { word: "", user_id: "" };
  for (let scanned = 0; scanned < SCANNED && found.size < limit; scanned += PAGE) {
    const rows = store.readPrefix(first, after, PAGE);
    for (const { user_id, card } of rows) {
      if (found.size < limit && !found.has(user_id) && isFound(card, words)) found.set(user_id, { user_id, ...card });
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) break;
    after = { word: last.word, user_id: last.user_id };
  }
  return [...found.values()];
}
