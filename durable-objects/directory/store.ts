// All SQL of the Directory object. handles: who has which. people and words: who is found by what.
import { DIRECTORY_MIGRATIONS } from "../../migrations/directory.ts";
import type { Found } from "../../protocol/users.ts";
import type { HandleCall, PutCall } from "../../protocol/rpc/users.ts";
import { sha256Hex } from "../platform/hash.ts";
import { ObjectStore } from "../platform/object-store.ts";
import type { Sql } from "../platform/sql.ts";

/** What was given back or taken away is remembered this long: longer than any call is under way. ms */
const REMEMBERED_MS = 86_400_000;
/** Rows that one change forgets. */
const FORGOTTEN = 10;

export type Card = Omit<Found, "user_id">;

export interface HandleRecord {
  user_id: string;
  rev: number;
  held: boolean;
}

/** How a handle that was given back is remembered: its user may have gone for good, and it is no word of theirs any more. */
function remembered(handle: string): string {
  return `#${sha256Hex(handle)}`;
}

export class DirectoryStore extends ObjectStore {
  constructor(sql: Sql) {
    super(sql, DIRECTORY_MIGRATIONS);
  }

  readHolder(handle: string): string | null {
    return (this.sql.all("SELECT user_id FROM handles WHERE handle = ? AND held = 1", handle)[0]?.["user_id"] as string | undefined) ?? null;
  }

  readHandle(handle: string, userId: string): HandleRecord | null {
    const row = this.sql.all("SELECT rev, held FROM handles WHERE handle IN (?, ?) AND user_id = ? ORDER BY rev DESC LIMIT 1", handle, remembered(handle), userId)[0];
    return row === undefined ? null : { user_id: userId, rev: row["rev"] as number, held: row["held"] === 1 };
  }

  commitHandle({ handle, user_id, rev }: HandleCall, held: boolean, now: number): void {
    this.sql.transaction(() => {
      this.migrate();
      this.sql.run("DELETE FROM handles WHERE handle IN (?, ?) AND user_id = ?", handle, remembered(handle), user_id);
      this.sql.run(
        `INSERT INTO handles (handle, user_id, rev, held, at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (handle, user_id) DO UPDATE SET rev = excluded.rev, held = excluded.held, at = excluded.at`,
        held ? handle : remembered(handle), user_id, rev, held ? 1 : 0, now,
      );
      this.sql.run(
        "DELETE FROM handles WHERE (handle, user_id) IN (SELECT handle, user_id FROM handles WHERE held = 0 AND at < ? ORDER BY at LIMIT ?)",
        now - REMEMBERED_MS, FORGOTTEN,
      );
    });
  }

  /** The newest change of a user that this shard knows; 0 for none. */
  readRev(userId: string): number {
    return (this.sql.all("SELECT rev FROM people WHERE user_id = ?", userId)[0]?.["rev"] as number | undefined) ?? 0;
  }

  commitPerson({ user_id, rev, words, card }: PutCall, now: number): void {
    this.sql.transaction(() => {
      this.migrate();
      this.sql.run(
        `INSERT INTO people (user_id, rev, card, at) VALUES (?, ?, ?, ?)
           ON CONFLICT (user_id) DO UPDATE SET rev = excluded.rev, card = excluded.card, at = excluded.at`,
        user_id, rev, card === null || words.length === 0 ? null : JSON.stringify(card), now,
      );
      this.sql.run("DELETE FROM words WHERE user_id = ?", user_id);
      for (const word of card === null ? [] : words) this.sql.run("INSERT INTO words (word, user_id) VALUES (?, ?)", word, user_id);
      this.sql.run(
        "DELETE FROM people WHERE user_id IN (SELECT user_id FROM people WHERE card IS NULL AND at < ? ORDER BY at LIMIT ?)",
        now - REMEMBERED_MS, FORGOTTEN,
      );
    });
  }

  /** People with a word that begins so, the shortest word first; one who has several such words comes several times. */
  readPrefix(prefix: string, after: { word: string; user_id: string }, limit: number): { word: string; user_id: string; card: Card }[] {
    return this.sql.all(
      `SELECT word, words.user_id AS user_id, card FROM words JOIN people USING (user_id)
         WHERE word >= ? AND word < ? AND (word, words.user_id) > (?, ?) ORDER BY word, words.user_id LIMIT ?`,
      // No word holds this character, and all that begin with the prefix come before it.
      prefix, `${prefix}\u{10FFFF}`, after.word, after.user_id, limit,
    ).map((row) => ({ word: row["word"] as string, user_id: row["user_id"] as string, card: JSON.parse(row["card"] as string) as Card }));
  }
}
