// Holds in Cassandra. A row is held by being written again without a TTL, and released by being written again with its own.
// Nothing shorter takes a TTL away, and no write does at the timestamp of the one before. So what is written again is what was
// read, a microsecond later than the row's newest cell: events of one conversation lie at least EVENT_STEP_US apart, so that
// any edit or deletion still is later than it, whenever it comes.
import type { types } from "cassandra-driver";
import { expiryOf, type Held, isHeld } from "../rows.ts";
import { batchesOf, sendBatches, type Sized, ttl } from "./cassandra-batches.ts";
import type { CassandraConnection } from "./cassandra-client.ts";
import { monthAt } from "./cassandra-layout.ts";
import type { Hold, HoldKind, SettledPage } from "./holds.ts";
import { StoreUnavailable } from "./store.ts";

const COLUMNS = [
  "seq", "epoch", "sender_id", "type", "content_type", "content", "status", "created_at", "client_msg_id", "msg_no", "body", "salt", "content_hash",
] as const;
/** What `changedAt` reads. */
export const CLOCK_COLUMNS = "WRITETIME(status) AS changed_at, status_clock, WRITETIME(status_clock) AS clock_at";
/** Those that are written apart from the others. */
const CHANGED = ["seq", "content", "status", "body", "salt"] as const;

const SELECT = `SELECT message_id, ${COLUMNS.join(", ")}, ${CLOCK_COLUMNS}, ${CHANGED.map((name) => `WRITETIME(${name}) AS at_${name}, TTL(${name}) AS ttl_${name}`).join(", ")}
  FROM messages WHERE conversation_id = ? AND bucket = ?`;

const CQL = {
  page: `${SELECT} AND message_id > ? ORDER BY message_id ASC LIMIT ?`,
  rows: `${SELECT} AND message_id IN ?`,
  rewrite: `INSERT INTO messages (conversation_id, bucket, message_id, ${COLUMNS.join(", ")}, status_clock)
    VALUES (?, ?, ?, ${COLUMNS.map(() => "?").join(", ")}, ?) USING TIMESTAMP ? AND TTL ?`,
  // Of a change that came before its row there is nothing else.
  rewriteChange: `UPDATE messages USING TIMESTAMP ? AND TTL ? SET content = ?, status = ?, body = ?, salt = ?, status_clock = ?
    WHERE conversation_id = ? AND bucket = ? AND message_id = ?`,
  holds: "SELECT kind, id, reason, created_at, state, place, rows FROM holds WHERE kind IN ('conversation', 'user')",
  commitHold: "INSERT INTO holds (kind, id, reason, created_at, state, place, rows) VALUES (?, ?, ?, ?, ?, ?, ?)",
  removeHold: "DELETE FROM holds WHERE kind = ? AND id = ?",
  held: "SELECT kind, id, state FROM holds WHERE kind IN ('conversation', 'user') AND id IN ?",
  keepBucket: "INSERT INTO held_buckets (conversation_id, bucket) VALUES (?, ?)",
  buckets: "SELECT bucket FROM buckets WHERE conversation_id = ?",
  heldBuckets: "SELECT bucket FROM held_buckets WHERE conversation_id = ?",
  conversations: "SELECT conversation_id FROM senders WHERE sender_id = ? AND conversation_id >= ?",
  insertSender: "INSERT INTO senders (sender_id, conversation_id) VALUES (?, ?) USING TTL ?",
  layout: "SELECT senders_complete, senders_to FROM layout WHERE name = 'messages'",
  noteSenders: "UPDATE layout SET senders_to = ?, senders_complete = ? WHERE name = 'messages'",
  everything: "SELECT conversation_id, sender_id, token(conversation_id, bucket) AS at FROM messages WHERE token(conversation_id, bucket) > ?",
} as const;

const FIRST_ID = "00000000-0000-0000-0000-000000000000";
/** Two that settle the same rows to different ends see one another's write and go by what holds then say. */
const ROUNDS = 8;
const PAGE_ROWS = 1_000;
/** Pairs of sender and conversation that were written lately, or seen while everything was looked through. */
const KNOWN_PAIRS = 50_000;
const NOTE_EVERY = 20_000;
/** An entry that was written lately is not written again, so that it may be a day short. */
const KNOWN_MS = 86_400_000;
const SENDER_SLACK_S = 2 * 86_400;
const TOKEN_MIN = -(2n ** 63n);

/** true: none of these cells has an end; false: all have; null: some. */
export function heldOf(row: types.Row, names: readonly string[] = CHANGED): boolean | null {
  const ends = names.filter((name) => row[name] !== null).map((name) => row[`ttl_${name}`] !== null);
  return ends.every(Boolean) ? false : ends.some(Boolean) ? null : true;
}

/** µs: the clock of the event that set the status last. */
export function changedAt(row: types.Row): bigint | null {
  const written = row["changed_at"] as bigint | null;
  return written !== null && row["clock_at"] === written ? (row["status_clock"] as bigint) : written;
}

/** µs */
function newestOf(row: types.Row): bigint {
  const times = CHANGED.map((name) => row[`at_${name}`] as bigint | null).filter((at) => at !== null);
  return times.reduce((a, b) => (a > b ? a : b), 0n);
}

export class CassandraHolds {
  readonly #connection: CassandraConnection;
  readonly #retentionS: number;
  readonly #now: () => number;
  readonly #pairs = new Map<string, number>();

  constructor(connection: CassandraConnection, retentionS: number, now: () => number) {
    this.#connection = connection;
    this.#retentionS = retentionS;
    this.#now = now;
  }

  async holds(): Promise<Hold[]> {
    return (await this.#rows(CQL.holds, [])).map((row) => ({
      kind: row["kind"] as HoldKind, id: row["id"] as string, reason: row["reason"] as string | null,
      created_at: (row["created_at"] as Date).getTime(), state: row["state"] as Hold["state"],
      place: row["place"] === null ? null : (JSON.parse(row["place"] as string) as Hold["place"]), rows: Number(row["rows"] as bigint),
    }));
  }

  async commitHold({ kind, id, reason, created_at, state, place, rows }: Hold): Promise<void> {
    await this.#rows(CQL.commitHold, [kind, id, reason, new Date(created_at), state, place === null ? null : JSON.stringify(place), BigInt(rows)]);
  }

  async removeHold(kind: HoldKind, id: string): Promise<void> {
    await this.#rows(CQL.removeHold, [kind, id]);
  }

  async readHeld(conversationId: string, senders: ReadonlySet<string>): Promise<Held> {
    const found = (await this.#rows(CQL.held, [[...new Set([conversationId, ...senders])]])).filter((row) => row["state"] !== "releasing");
    const named = (kind: HoldKind) => found.filter((row) => row["kind"] === kind).map((row) => row["id"] as string);
    return { conversation: named("conversation").includes(conversationId), users: new Set(named("user").filter((id) => senders.has(id))) };
  }

  async buckets(conversationId: string): Promise<string[]> {
    const [all, held] = [await this.#rows(CQL.buckets, [conversationId]), await this.#rows(CQL.heldBuckets, [conversationId])];
    return [...new Set([...all, ...held].map((row) => row["bucket"] as string))].toSorted();
  }

  /** Before rows without an end are written there. */
  async keepBucket(conversationId: string, bucket: string): Promise<void> {
    await this.#rows(CQL.keepBucket, [conversationId, bucket]);
  }

  async settlePage(conversationId: string, bucket: string, after: string | null, limit: number): Promise<SettledPage> {
    const { found, changed } = await this.#settle(conversationId, bucket, () => this.#rows(CQL.page, [conversationId, bucket, after ?? FIRST_ID, limit]));
    const last = found.at(-1);
    return { rows: found.length, changed, last: last === undefined || found.length < limit ? null : String(last["message_id"]) };
  }

  async settleRows(conversationId: string, rows: readonly { bucket: string; message_id: string }[]): Promise<void> {
    for (const [bucket, group] of Map.groupBy(rows, (row) => row.bucket)) {
      for (let i = 0; i < group.length; i += 100) {
        const ids = group.slice(i, i + 100).map((row) => row.message_id);
        await this.#settle(conversationId, bucket, () => this.#rows(CQL.rows, [conversationId, bucket, ids]));
      }
    }
  }

  /** Reads, asks what holds say, and writes what is otherwise; until nothing is. */
  async #settle(conversationId: string, bucket: string, read: () => Promise<types.Row[]>): Promise<{ found: types.Row[]; changed: number }> {
    const changed = new Set<string>();
    let first: types.Row[] | null = null;
    for (let round = 0; round < ROUNDS; round += 1) {
      const found = await read();
      first ??= found;
      const held = await this.readHeld(conversationId, new Set(found.flatMap((row) => (row["sender_id"] === null ? [] : [row["sender_id"] as string]))));
      const wanted = (row: types.Row) => isHeld(held, row["sender_id"] as string | null);
      const others = found.filter((row) => heldOf(row) !== wanted(row));
      if (others.length === 0) return { found: first, changed: changed.size };
      if (others.some(wanted)) await this.keepBucket(conversationId, bucket);
      const now = Math.floor(this.#now() / 1_000);
      await sendBatches(this.#connection.client(), batchesOf(others.map((row) => this.#rewriting(conversationId, bucket, row, wanted(row), now))));
      for (const row of others) changed.add(String(row["message_id"]));
    }
    throw new StoreUnavailable(`rows of ${bucket} did not stay as they were settled`);
  }

  #rewriting(conversationId: string, bucket: string, row: types.Row, held: boolean, now: number): Sized {
    const id = String(row["message_id"]);
    const place = [conversationId, bucket, id];
    // undefined is left unset: a null would be a tombstone.
    const cell = (name: string) => (row[name] as unknown) ?? undefined;
    const using = [newestOf(row) + 1n, ttl(held ? null : expiryOf(id, this.#retentionS), now)];
    const clock = changedAt(row) ?? undefined;
    const bytes = 300 + 3 * ((row["body"] as string | null)?.length ?? 0) + 3 * ((row["content"] as string | null)?.length ?? 0);
    const statement = row["seq"] === null
      ? { query: CQL.rewriteChange, params: [...using, cell("content"), cell("status"), cell("body"), cell("salt"), clock, ...place] }
      : { query: CQL.rewrite, params: [...place, ...COLUMNS.map(cell), clock, ...using] };
    return { bucket, bytes, statement: () => statement };
  }

  /** @param expiresAt s since 1970; null: no end */
  async keepSender(senderId: string, conversationId: string, expiresAt: number | null): Promise<void> {
    const pair = `${expiresAt === null} ${conversationId} ${senderId}`;
    const now = this.#now();
    if ((this.#pairs.get(pair) ?? 0) > now - KNOWN_MS) return;
    await this.#rows(CQL.insertSender, [senderId, conversationId, expiresAt === null ? 0 : ttl(expiresAt + SENDER_SLACK_S, Math.floor(now / 1_000))]);
    // The other kind stands no longer.
    this.#pairs.delete(`${expiresAt !== null} ${conversationId} ${senderId}`);
    if (this.#pairs.size >= KNOWN_PAIRS) this.#pairs.clear();
    this.#pairs.set(pair, now);
  }

  async *conversationsOf(userId: string, from: string | null): AsyncGenerator<string> {
    const result = await this.#connection.client().execute(CQL.conversations, [userId, from ?? ""], { fetchSize: PAGE_ROWS });
    for await (const row of result) yield row["conversation_id"] as string;
  }

  async completeSenders(progress: (rows: number) => void): Promise<void> {
    const [layout] = await this.#rows(CQL.layout, []);
    if (layout?.["senders_complete"] === true) return;
    const expiresAt = Math.floor(this.#now() / 1_000) + this.#retentionS;
    let done = (layout?.["senders_to"] as bigint | null | undefined) ?? TOKEN_MIN;
    let at = done;
    let count = 0;
    const result = await this.#connection.client().execute(CQL.everything, [done], { fetchSize: PAGE_ROWS });
    for await (const row of result) {
      if (row["at"] !== at) [done, at] = [at, row["at"] as bigint];
      if (row["sender_id"] !== null) await this.keepSender(row["sender_id"] as string, row["conversation_id"] as string, expiresAt);
      count += 1;
      if (count % NOTE_EVERY !== 0) continue;
      await this.#rows(CQL.noteSenders, [done, false]);
      progress(count);
    }
    // As long as a program without the index may run, all is to be looked through again.
    const complete = this.#connection.layout().split_from <= monthAt(this.#now());
    await this.#rows(CQL.noteSenders, [null, complete]);
  }

  async #rows(query: string, params: unknown[]): Promise<types.Row[]> {
    const rows: types.Row[] = [];
    const result = await this.#connection.client().execute(query, params, { fetchSize: PAGE_ROWS });
    for await (const row of result) rows.push(row);
    return rows;
  }
}
