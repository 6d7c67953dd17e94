// Holds in the embedded store: a held row's end is HELD_S, which no clock reaches. Each page is one transaction, so that
// rows and what holds say of them can't change in between.
import type { DatabaseSync } from "node:sqlite";
import { expiryOf, type Held, isHeld } from "../rows.ts";
import { bucketExpiry } from "./bucket-expiry.ts";
import type { Hold, HoldKind, SettledPage } from "./holds.ts";

/** s since 1970: the year 9999. Not null, so that `expires_at > now` is all that a reader has to say. */
export const HELD_S = 253_402_300_799;

/** Runs within a transaction. */
export type Transact = <T>(work: (db: DatabaseSync) => T) => T;

interface FoundRow {
  message_id: string;
  sender_id: string | null;
  expires_at: number;
}

const CONVERSATIONS = 100;

export class SqliteHolds {
  readonly #transact: Transact;
  readonly #retentionS: number;

  constructor(transact: Transact, retentionS: number) {
    this.#transact = transact;
    this.#retentionS = retentionS;
  }

  holds(): Hold[] {
    const rows = this.#transact((db) => db.prepare("SELECT kind, id, reason, created_at, state, place, rows FROM holds ORDER BY kind, id").all());
    return rows.map((row) => ({ ...row, place: row["place"] === null ? null : (JSON.parse(row["place"] as string) as unknown) }) as unknown as Hold);
  }

  commitHold({ kind, id, reason, created_at, state, place, rows }: Hold): void {
    this.#transact((db) => db.prepare("INSERT OR REPLACE INTO holds (kind, id, reason, created_at, state, place, rows) VALUES (?, ?, ?, ?, ?, ?, ?)")
      .run(kind, id, reason, created_at, state, place === null ? null : JSON.stringify(place), rows));
  }

  removeHold(kind: HoldKind, id: string): void {
    this.#transact((db) => db.prepare("DELETE FROM holds WHERE kind = ? AND id = ?").run(kind, id));
  }

  readHeld(conversationId: string, senders: ReadonlySet<string>): Held {
    return this.#transact((db) => heldIn(db, conversationId, senders));
  }

  settlePage(conversationId: string, bucket: string, after: string | null, limit: number): SettledPage {
    return this.#transact((db) => {
      const rows = db.prepare("SELECT message_id, sender_id, expires_at FROM messages WHERE conversation_id = ? AND bucket = ? AND message_id > ? ORDER BY message_id LIMIT ?")
        .all(conversationId, bucket, after ?? "", limit) as unknown as FoundRow[];
      const changed = this.#settle(db, conversationId, bucket, rows);
      return { rows: rows.length, changed, last: rows.length < limit ? null : (rows.at(-1)?.message_id ?? null) };
    });
  }

  settleRows(conversationId: string, rows: readonly { bucket: string; message_id: string }[]): void {
    this.#transact((db) => {
      const find = db.prepare("SELECT message_id, sender_id, expires_at FROM messages WHERE conversation_id = ? AND bucket = ? AND message_id = ?");
      for (const { bucket, message_id } of rows) {
        this.#settle(db, conversationId, bucket, find.all(conversationId, bucket, message_id) as unknown as FoundRow[]);
      }
    });
  }

  #settle(db: DatabaseSync, conversationId: string, bucket: string, rows: readonly FoundRow[]): number {
    const held = heldIn(db, conversationId, new Set(rows.flatMap(({ sender_id }) => (sender_id === null ? [] : [sender_id]))));
    const update = db.prepare("UPDATE messages SET expires_at = ? WHERE conversation_id = ? AND bucket = ? AND message_id = ?");
    const others = rows.filter((row) => (row.expires_at === HELD_S) !== isHeld(held, row.sender_id));
    for (const { message_id, expires_at } of others) {
      update.run(expires_at === HELD_S ? expiryOf(message_id, this.#retentionS) : HELD_S, conversationId, bucket, message_id);
    }
    if (others.length > 0) {
      const end = db.prepare("SELECT 1 FROM messages WHERE conversation_id = ? AND bucket = ? AND expires_at = ? LIMIT 1").get(conversationId, bucket, HELD_S) === undefined
        ? bucketExpiry(bucket, this.#retentionS) : HELD_S;
      db.prepare("INSERT INTO buckets (conversation_id, bucket, expires_at) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at").run(conversationId, bucket, end);
    }
    return others.length;
  }

  *conversationsOf(userId: string, from: string | null): Generator<string> {
    for (let next = from ?? "", first = true; ; first = false) {
      const rows = this.#transact((db) => db.prepare(
        `SELECT DISTINCT conversation_id FROM messages WHERE sender_id = ? AND conversation_id ${first ? ">=" : ">"} ? ORDER BY conversation_id LIMIT ${CONVERSATIONS}`,
      ).all(userId, next)).map((row) => row["conversation_id"] as string);
      yield* rows;
      if (rows.length < CONVERSATIONS) return;
      next = rows.at(-1) as string;
    }
  }
}

function heldIn(db: DatabaseSync, conversationId: string, senders: ReadonlySet<string>): Held {
  const find = db.prepare("SELECT 1 FROM holds WHERE kind = ? AND id = ? AND state <> 'releasing'");
  const isNoted = (kind: HoldKind, id: string) => find.get(kind, id) !== undefined;
  return { conversation: isNoted("conversation", conversationId), users: new Set([...senders].filter((sender) => isNoted("user", sender))) };
}
