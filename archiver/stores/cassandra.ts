// The archive in Cassandra: migrations/cassandra describes the tables. Reads and writes at LOCAL_QUORUM.
// Every row is written with the clock of the event that causes it as its timestamp, and with the TTL that is left of its
// retention: so a write that is repeated, or that comes late, changes nothing.
import { errors, types } from "cassandra-driver";
import { clockOf } from "../../protocol/msg-id.ts";
import type { CassandraConfig } from "../config.ts";
import { inLanes } from "../lanes.ts";
import type { Change, Writes } from "../plan.ts";
import type { EventRow, NewRow, StoredRow } from "../rows.ts";
import { ERASED_SALT } from "../../protocol/segment.ts";
import { bucketExpiry } from "./bucket-expiry.ts";
import { CassandraConnection } from "./cassandra-client.ts";
import { type ArchiveStore, type EpochEntry, type LedgerEntry, type LedgerKey, type RawRow, type ReadRange, SchemaTooNew, StoreRefused, StoreUnavailable } from "./store.ts";

const COLUMNS = `message_id, bucket, seq, epoch, type, sender_id, created_at, client_msg_id, msg_no, content_type, content, status,
  WRITETIME(status) AS changed_at, body, salt, content_hash`;

const LEDGER = "conversation_id, epoch, from_seq, to_seq, count, sha256, archived_at, chain_before, chain, first_id, last_id, pair";
/** Below every id. */
const FIRST_ID = "00000000-0000-0000-0000-000000000000";

const CQL = {
  insertRow: `INSERT INTO messages (conversation_id, bucket, message_id, seq, epoch, type, sender_id, created_at, client_msg_id,
    msg_no, content_type, content, status, body, salt, content_hash)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?`,
  updateShown: `UPDATE messages USING TIMESTAMP ? AND TTL ? SET content = ?, status = ?
    WHERE conversation_id = ? AND bucket = ? AND message_id = ?`,
  erase: `UPDATE messages USING TIMESTAMP ? AND TTL ? SET content = ?, status = ?, body = ?, salt = ?
    WHERE conversation_id = ? AND bucket = ? AND message_id = ?`,
  insertBucket: "INSERT INTO buckets (conversation_id, bucket) VALUES (?, ?) USING TTL ?",
  range: `SELECT ${COLUMNS} FROM messages WHERE conversation_id = ? AND bucket = ? AND message_id >= ? AND message_id <= ?
    ORDER BY message_id ASC`,
  places: `SELECT ${COLUMNS} FROM messages WHERE conversation_id = ? AND bucket = ? AND message_id IN ?`,
  ledger: `SELECT ${LEDGER} FROM segments WHERE conversation_id = ? AND epoch = ? AND from_seq = ? AND to_seq = ?`,
  ledgerAfter: `SELECT ${LEDGER} FROM segments WHERE conversation_id = ? AND (epoch, from_seq) > (?, ?) ORDER BY epoch ASC, from_seq ASC LIMIT ?`,
  ledgerBefore: `SELECT ${LEDGER} FROM segments WHERE conversation_id = ? AND (epoch, from_seq) < (?, ?) ORDER BY epoch DESC, from_seq DESC LIMIT 1`,
  epochs: "SELECT epoch, from_seq, begun_at, completed_at FROM epochs WHERE conversation_id = ?",
  recordEpoch: "INSERT INTO epochs (conversation_id, epoch, from_seq, begun_at, completed_at) VALUES (?, ?, ?, ?, ?)",
  scan: `SELECT ${COLUMNS} FROM messages WHERE conversation_id = ? AND bucket = ? AND message_id > ? ORDER BY message_id ASC LIMIT ?`,
  conversations: "SELECT DISTINCT conversation_id FROM segments",
  acknowledged: "SELECT DISTINCT conversation_id FROM archived",
  record: `INSERT INTO segments (${LEDGER})
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS USING TTL ?`,
  replace: `UPDATE segments USING TTL ? SET count = ?, sha256 = ?, archived_at = ?, chain_before = ?, chain = ?, first_id = ?, last_id = ?, pair = ?
    WHERE conversation_id = ? AND epoch = ? AND from_seq = ? AND to_seq = ? IF sha256 = ?`,
  reached: "INSERT INTO archived (conversation_id, epoch, archived_seq) VALUES (?, ?, ?) USING TIMESTAMP ?",
  readReached: "SELECT archived_seq FROM archived WHERE conversation_id = ? AND epoch = ?",
  buckets: "SELECT bucket FROM buckets WHERE conversation_id = ?",
  // The row ends by the server's clock, and its write time is the driver's own, which never goes back.
  beat: "INSERT INTO archivers (pool, archiver_id) VALUES ('archive', ?) USING TTL ?",
  living: "SELECT archiver_id FROM archivers WHERE pool = 'archive'",
  leave: "DELETE FROM archivers WHERE pool = 'archive' AND archiver_id = ?",
  check: "SELECT current_version FROM schema_version WHERE name = 'archive'",
} as const;

/** Of one batch. A batch is one mutation, which a node takes up to half a commit log segment (16 MiB by default). */
const BATCH_ROWS = 100;
const BATCH_BYTES = 512 * 1024;
/** Batches of one segment under way at once. */
const BATCH_WIDTH = 4;
const PAGE_ROWS = 500;
const CHECK_TIMEOUT_MS = 3_000;

interface Statement {
  query: string;
  params: unknown[];
}
interface Sized extends Statement {
  bucket: string;
  bytes: number;
}

const numberOf = (value: unknown) => (value === null ? null : Number(value as bigint));

function eventRow(row: types.Row): EventRow {
  return {
    bucket: row["bucket"] as string,
    message_id: String(row["message_id"]),
    seq: Number(row["seq"] as bigint),
    epoch: row["epoch"] as number,
    type: row["type"] as string,
    sender_id: row["sender_id"] as string,
    created_at: (row["created_at"] as Date).getTime(),
    client_msg_id: row["client_msg_id"] as string | null,
    msg_no: numberOf(row["msg_no"]),
    content_type: row["content_type"] as string | null,
    body: row["body"] as string,
    salt: (row["salt"] as Buffer).toString("hex"),
    content_hash: (row["content_hash"] as Buffer).toString("hex"),
  };
}

function storedRow(row: types.Row): StoredRow {
  return {
    message_id: String(row["message_id"]),
    content: row["content"] as string | null,
    status: row["status"] as StoredRow["status"],
    changed_at: numberOf(row["changed_at"]),
    event: row["seq"] === null ? null : eventRow(row),
  };
}

function batchesOf(statements: readonly Sized[]): Statement[][] {
  const batches: Statement[][] = [];
  for (const group of Map.groupBy(statements, (statement) => statement.bucket).values()) {
    let bytes = Number.POSITIVE_INFINITY;
    for (const { query, params, bytes: more } of group) {
      if (bytes + more > BATCH_BYTES || (batches.at(-1)?.length ?? 0) >= BATCH_ROWS) {
        batches.push([]);
        bytes = 0;
      }
      batches.at(-1)?.push({ query, params });
      bytes += more;
    }
  }
  return batches;
}

export class CassandraStore implements ArchiveStore {
  readonly kind = "cassandra";
  readonly #connection: CassandraConnection;
  readonly #retentionS: number;
  readonly #now: () => number;

  /** @param now ms */
  constructor(config: CassandraConfig, retentionS: number, now: () => number) {
    this.#connection = new CassandraConnection(config);
    this.#retentionS = retentionS;
    this.#now = now;
  }

  open(): Promise<void> {
    return this.#guard(() => this.#connection.open());
  }

  async readBack({ conversation_id, rows, changes }: Writes): Promise<StoredRow[]> {
    const own = new Set(rows.map((row) => row.message_id));
    const others = changes.filter((change) => !own.has(change.message_id));
    const found: StoredRow[] = [];
    for (const [bucket, group] of Map.groupBy(rows, (row) => row.bucket)) {
      const [first, last] = [group[0] as NewRow, group.at(-1) as NewRow];
      found.push(...(await this.#rows(CQL.range, [conversation_id, bucket, first.message_id, last.message_id])).map(storedRow));
    }
    for (const [bucket, group] of Map.groupBy(others, (change) => change.bucket)) {
      for (let i = 0; i < group.length; i += BATCH_ROWS) {
        const ids = group.slice(i, i + BATCH_ROWS).map((change) => change.message_id);
        found.push(...(await this.#rows(CQL.places, [conversation_id, bucket, ids])).map(storedRow));
      }
    }
    return found;
  }

  async write({ conversation_id, rows, changes }: Writes): Promise<void> {
    const now = Math.floor(this.#now() / 1_000);
    const months = new Set(rows.map((row) => row.bucket));
    const batches = batchesOf([
      ...rows.map((row) => this.#insertion(conversation_id, row, now)),
      ...changes.map((change) => this.#update(conversation_id, change, now)),
    ]);
    try {
      const client = this.#connection.client();
      for (const bucket of months) {
        await client.execute(CQL.insertBucket, [conversation_id, bucket, ttl(bucketExpiry(bucket, this.#retentionS), now)]);
      }
      await inLanes(batches, BATCH_WIDTH, async (batch) => {
        await client.batch(batch, { logged: false, prepare: true });
      });
    } catch (error) {
      const refused = error instanceof TypeError || (error instanceof errors.ResponseError && error.code === types.responseErrorCodes.invalid);
      throw refused ? new StoreRefused(error) : new StoreUnavailable(error);
    }
  }

  async ledger({ conversation_id, epoch, from_seq, to_seq }: LedgerKey): Promise<LedgerEntry | null> {
    const [row] = await this.#rows(CQL.ledger, [conversation_id, epoch, BigInt(from_seq), BigInt(to_seq)]);
    return row === undefined ? null : ledgerEntry(row);
  }

  async ledgerAfter(conversationId: string, after: Pick<LedgerKey, "epoch" | "from_seq"> | null, limit: number): Promise<LedgerEntry[]> {
    const { epoch, from_seq } = after ?? { epoch: 0, from_seq: 0 };
    return (await this.#rows(CQL.ledgerAfter, [conversationId, epoch, BigInt(from_seq), limit])).map(ledgerEntry);
  }

  async ledgerBefore(conversationId: string, { epoch, from_seq }: Pick<LedgerKey, "epoch" | "from_seq">): Promise<LedgerEntry | null> {
    const [row] = await this.#rows(CQL.ledgerBefore, [conversationId, epoch, BigInt(from_seq)]);
    return row === undefined ? null : ledgerEntry(row);
  }

  async epochs(conversationId: string): Promise<EpochEntry[]> {
    return (await this.#rows(CQL.epochs, [conversationId])).map((row) => ({
      epoch: row["epoch"] as number,
      from_seq: numberOf(row["from_seq"]),
      begun_at: (row["begun_at"] as Date).getTime(),
      completed_at: (row["completed_at"] as Date | null)?.getTime() ?? null,
    }));
  }

  async recordEpoch(conversationId: string, { epoch, from_seq, begun_at, completed_at }: EpochEntry): Promise<void> {
    await this.#rows(CQL.recordEpoch, [
      conversationId, epoch, from_seq === null ? types.unset : BigInt(from_seq), new Date(begun_at), completed_at === null ? types.unset : new Date(completed_at),
    ]);
  }

  async *conversations(): AsyncIterable<string> {
    yield* this.#ids(CQL.conversations);
    for await (const id of this.#ids(CQL.acknowledged)) {
      if ((await this.ledgerAfter(id, null, 1)).length === 0) yield id;
    }
  }

  async *#ids(query: string): AsyncIterable<string> {
    let pageState: string | undefined;
    do {
      const result = await this.#guard(() => this.#connection.client().execute(query, [], { fetchSize: PAGE_ROWS, autoPage: false, ...(pageState === undefined ? {} : { pageState }) }));
      yield* result.rows.map((row) => row["conversation_id"] as string);
      pageState = result.pageState ?? undefined;
    } while (pageState !== undefined);
  }

  async scan(conversationId: string, bucket: string, after: string | null, limit: number): Promise<RawRow[]> {
    return (await this.#rows(CQL.scan, [conversationId, bucket, after ?? FIRST_ID, limit])).map(rawRow);
  }

  async record(entry: LedgerEntry, expiresAt: number, replaces: string | null = null): Promise<LedgerEntry> {
    if (replaces !== null) return this.#replace(entry, expiresAt, replaces);
    const { conversation_id, epoch, from_seq, to_seq } = entry;
    const params = [conversation_id, epoch, BigInt(from_seq), BigInt(to_seq), ...ledgerValues(entry), ttl(expiresAt, Math.floor(this.#now() / 1_000))];
    const result = await this.#guard(() =>
      this.#connection.client().execute(CQL.record, params, { isIdempotent: false, serialConsistency: types.consistencies.localSerial }),
    );
    return result.wasApplied() ? entry : ledgerEntry(result.first() as types.Row);
  }

  async #replace(entry: LedgerEntry, expiresAt: number, replaces: string): Promise<LedgerEntry> {
    const { conversation_id, epoch, from_seq, to_seq } = entry;
    const params = [
      ttl(expiresAt, Math.floor(this.#now() / 1_000)), ...ledgerValues(entry), conversation_id, epoch, BigInt(from_seq), BigInt(to_seq), replaces,
    ];
    await this.#guard(() => this.#connection.client().execute(CQL.replace, params, { isIdempotent: false, serialConsistency: types.consistencies.localSerial }));
    return (await this.ledger(entry)) ?? entry;
  }

  async reached(conversationId: string, epoch: number, archivedSeq: number): Promise<void> {
    // A timestamp of 0 would be the server's own time.
    if (archivedSeq > 0) await this.#rows(CQL.reached, [conversationId, epoch, BigInt(archivedSeq), BigInt(archivedSeq)]);
  }

  async readReached(conversationId: string, epoch: number): Promise<number> {
    const [row] = await this.#rows(CQL.readReached, [conversationId, epoch]);
    return row === undefined ? 0 : Number(row["archived_seq"] as bigint);
  }

  async read(conversationId: string, { bucket, first, last }: ReadRange, limit: number): Promise<EventRow[]> {
    const events: EventRow[] = [];
    const params = [conversationId, bucket, first, last];
    await this.#each(CQL.range, params, Math.min(limit, PAGE_ROWS), (row) => {
      if (row["seq"] !== null) events.push(eventRow(row));
      return events.length < limit;
    });
    return events;
  }

  async buckets(conversationId: string): Promise<string[]> {
    return (await this.#rows(CQL.buckets, [conversationId])).map((row) => row["bucket"] as string);
  }

  async beat(archiverId: string, leaseMs: number): Promise<string[]> {
    // Seconds begin anywhere within one.
    await this.#rows(CQL.beat, [archiverId, Math.ceil(leaseMs / 1_000) + 1]);
    return (await this.#rows(CQL.living, [])).map((row) => String(row["archiver_id"]));
  }

  async leave(archiverId: string): Promise<void> {
    await this.#rows(CQL.leave, [archiverId]);
  }

  async check(): Promise<void> {
    await this.#guard(() => this.#connection.client().execute(CQL.check, [], { readTimeout: CHECK_TIMEOUT_MS }));
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  #insertion(conversationId: string, row: NewRow, now: number): Sized {
    const params = [
      conversationId, row.bucket, row.message_id, BigInt(row.seq), row.epoch, row.type, row.sender_id, new Date(row.created_at),
      // undefined is left unset: a null would be a tombstone.
      row.client_msg_id ?? undefined, row.msg_no === null ? undefined : BigInt(row.msg_no), row.content_type ?? undefined,
      row.content ?? undefined, row.status ?? undefined, row.body, Buffer.from(row.salt, "hex"), Buffer.from(row.content_hash, "hex"),
      BigInt(clockOf(row.message_id)), ttl(row.expires_at, now),
    ];
    return { query: CQL.insertRow, params, bucket: row.bucket, bytes: 300 + 3 * (row.body.length + (row.content?.length ?? 0)) };
  }

  #update(conversationId: string, change: Change, now: number): Sized {
    const { bucket, message_id, content, status, changed_at, body, expires_at } = change;
    const place = [conversationId, bucket, message_id];
    const shown = [BigInt(changed_at), ttl(expires_at, now), content, status];
    return body === null
      ? { query: CQL.updateShown, params: [...shown, ...place], bucket, bytes: 200 + 3 * content.length }
      : { query: CQL.erase, params: [...shown, body, Buffer.from(ERASED_SALT, "hex"), ...place], bucket, bytes: 300 + 3 * body.length };
  }

  async #rows(query: string, params: unknown[]): Promise<types.Row[]> {
    const rows: types.Row[] = [];
    await this.#each(query, params, PAGE_ROWS, (row) => rows.push(row) > 0);
    return rows;
  }

  /** Page by page, until `take` answers false. */
  async #each(query: string, params: unknown[], fetchSize: number, take: (row: types.Row) => boolean): Promise<void> {
    await this.#guard(async () => {
      const result = await this.#connection.client().execute(query, params, { fetchSize });
      for await (const row of result) if (!take(row)) return;
    });
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw error instanceof SchemaTooNew ? error : new StoreUnavailable(error);
    }
  }
}

/** What is left of a life; at least a second, since a TTL of 0 is for ever. */
function ttl(expiresAt: number, now: number): number {
  return Math.max(1, expiresAt - now);
}

/** In the order of the columns behind the key. */
function ledgerValues({ count, sha256, archived_at, chain_before, chain, first_id, last_id, pair }: LedgerEntry): unknown[] {
  return [count, sha256, new Date(archived_at), ...[chain_before, chain, first_id, last_id, pair?.join(",")].map((value) => value ?? types.unset)];
}

function ledgerEntry(row: types.Row): LedgerEntry {
  const text = (name: string) => (row[name] === null || row[name] === undefined ? {} : { [name]: String(row[name]) });
  const pair = row["pair"] as string | null | undefined;
  return {
    conversation_id: row["conversation_id"] as string,
    epoch: row["epoch"] as number,
    from_seq: Number(row["from_seq"] as bigint),
    to_seq: Number(row["to_seq"] as bigint),
    count: row["count"] as number,
    sha256: row["sha256"] as string,
    archived_at: (row["archived_at"] as Date).getTime(),
    ...text("chain_before"), ...text("chain"), ...text("first_id"), ...text("last_id"),
    ...(typeof pair === "string" ? { pair: pair.split(",") as [string, string] } : {}),
  };
}

function rawRow(row: types.Row): RawRow {
  const text = (name: string) => row[name] as string | null;
  return {
    bucket: row["bucket"] as string, message_id: String(row["message_id"]),
    seq: numberOf(row["seq"]), epoch: row["epoch"] as number | null, type: text("type"), sender_id: text("sender_id"),
    created_at: (row["created_at"] as Date | null)?.getTime() ?? null, client_msg_id: text("client_msg_id"), msg_no: numberOf(row["msg_no"]),
    content_type: text("content_type"), content: text("content"), status: text("status"), changed_at: numberOf(row["changed_at"]), body: text("body"),
    salt: (row["salt"] as Buffer | null)?.toString("hex") ?? null, content_hash: (row["content_hash"] as Buffer | null)?.toString("hex") ?? null,
  };
}
