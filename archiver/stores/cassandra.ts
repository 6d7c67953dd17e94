// The archive in Cassandra: migrations/cassandra describes the tables. Reads and writes at LOCAL_QUORUM.
// Every row is written with the clock of the event that causes it as its timestamp, and with the TTL that is left of its
// retention: so a write that is repeated, or that comes late, changes nothing.
import { errors, types } from "cassandra-driver";
import type { MemberMarks } from "../../protocol/archive.ts";
import { clockOf } from "../../protocol/msg-id.ts";
import type { CassandraConfig } from "../config.ts";
import { inLanes } from "../lanes.ts";
import type { Change, Writes } from "../plan.ts";
import { type EventRow, expiryOf, type Held, type NewRow, type StoredRow } from "../rows.ts";
import { ERASED_SALT } from "../../protocol/segment.ts";
import { bucketExpiry } from "./bucket-expiry.ts";
import { batchesOf, sendBatches, type Sized, ttl } from "./cassandra-batches.ts";
import { CassandraConnection } from "./cassandra-client.ts";
import { CassandraHolds } from "./cassandra-holds.ts";
import { CassandraLedger } from "./cassandra-ledger.ts";
import { COLUMNS, eventRow, numberOf, PROOF, proofRow, rawRow, storedRow } from "./cassandra-rows.ts";
import { CassandraReceipts } from "./cassandra-receipts.ts";
import type { Hold, HoldKind, SettledPage } from "./holds.ts";
import { isSplit, monthOf, partitionOf, partitionsOf } from "./partitions.ts";
import { type ArchiveStore, type EpochEntry, type LedgerEntry, type LedgerKey, type RawRow, type ReadRange, type Recorded, SchemaTooNew, StoreRefused, StoreUnavailable } from "./store.ts";

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
  parts: "SELECT bucket FROM buckets WHERE conversation_id = ? AND bucket >= ? AND bucket <= ?",
  heldParts: "SELECT bucket FROM held_buckets WHERE conversation_id = ? AND bucket >= ? AND bucket <= ?",
  range: `SELECT ${COLUMNS} FROM messages WHERE conversation_id = ? AND bucket = ? AND message_id >= ? AND message_id <= ?
    ORDER BY message_id ASC`,
  proof: `SELECT ${PROOF} FROM messages WHERE conversation_id = ? AND bucket = ? AND message_id >= ? AND message_id <= ?
    ORDER BY message_id ASC`,
  places: `SELECT ${COLUMNS} FROM messages WHERE conversation_id = ? AND bucket = ? AND message_id IN ?`,
  epochs: "SELECT epoch, from_seq, begun_at, completed_at FROM epochs WHERE conversation_id = ?",
  recordEpoch: "INSERT INTO epochs (conversation_id, epoch, from_seq, begun_at, completed_at) VALUES (?, ?, ?, ?, ?)",
  scan: `SELECT ${COLUMNS} FROM messages WHERE conversation_id = ? AND bucket = ? AND message_id > ? ORDER BY message_id ASC LIMIT ?`,
  conversations: "SELECT DISTINCT conversation_id FROM segments",
  acknowledged: "SELECT DISTINCT conversation_id FROM archived",
  reached: "INSERT INTO archived (conversation_id, epoch, archived_seq) VALUES (?, ?, ?) USING TIMESTAMP ?",
  readReached: "SELECT archived_seq FROM archived WHERE conversation_id = ? AND epoch = ?",
  // The row ends by the server's clock, and its write time is the driver's own, which never goes back.
  beat: "INSERT INTO archivers (pool, archiver_id) VALUES ('archive', ?) USING TTL ?",
  living: "SELECT archiver_id FROM archivers WHERE pool = 'archive'",
  leave: "DELETE FROM archivers WHERE pool = 'archive' AND archiver_id = ?",
  readErased: "SELECT user_id, until FROM erased WHERE user_id IN ?",
  recordErased: "INSERT INTO erased (user_id, until) VALUES (?, ?) USING TIMESTAMP ?",
  check: "SELECT current_version FROM schema_version WHERE name = 'archive'",
} as const;

const SENDER_WIDTH = 8;
const PAGE_ROWS = 500;
/** Rows that are asked for by their ids at once. */
const PLACES = 100;
const CHECK_TIMEOUT_MS = 3_000;

export class CassandraStore implements ArchiveStore {
  readonly kind = "cassandra";
  readonly #connection: CassandraConnection;
  readonly #holds: CassandraHolds;
  readonly #ledger: CassandraLedger;
  readonly #receipts: CassandraReceipts;
  readonly #retentionS: number;
  readonly #now: () => number;

  /** @param now ms */
  constructor(config: CassandraConfig, retentionS: number, now: () => number) {
    this.#connection = new CassandraConnection(config, now);
    this.#holds = new CassandraHolds(this.#connection, retentionS, now);
    this.#ledger = new CassandraLedger(this.#connection, now);
    this.#receipts = new CassandraReceipts(this.#connection, retentionS, now);
    this.#retentionS = retentionS;
    this.#now = now;
  }

  open(): Promise<void> {
    return this.#guard(() => this.#connection.open());
  }

  readBack(places: Writes): Promise<StoredRow[]> {
    return this.#readBack(places, CQL.range, storedRow);
  }

  readProof(places: Writes): Promise<StoredRow[]> {
    return this.#readBack(places, CQL.proof, proofRow);
  }

  async #readBack({ conversation_id, rows, changes }: Writes, range: string, own: (row: types.Row, bucket: string) => StoredRow): Promise<StoredRow[]> {
    const written = new Set(rows.map((row) => row.message_id));
    const others = changes.filter((change) => !written.has(change.message_id));
    const found: StoredRow[] = [];
    const changed: StoredRow[] = [];
    await this.#guard(async () => {
      for (const [bucket, group] of Map.groupBy(rows, (row) => this.#partition(row))) {
        const [first, last] = [group[0] as NewRow, group.at(-1) as NewRow];
        await this.#each(range, [conversation_id, bucket, first.message_id, last.message_id], PAGE_ROWS, (row) => found.push(own(row, bucket)) > 0);
      }
      const places = others.flatMap((change) => this.#partitions(change).map((bucket) => ({ bucket, message_id: change.message_id })));
      for (const [bucket, group] of Map.groupBy(places, (place) => place.bucket)) {
        for (let i = 0; i < group.length; i += PLACES) {
          const ids = group.slice(i, i + PLACES).map((place) => place.message_id);
          changed.push(...(await this.#rows(CQL.places, [conversation_id, bucket, ids])).map(storedRow));
        }
      }
    });
    return [...found, ...this.#joined(changed, others)];
  }

  /** A change that was written to several places is there once it is in all of them. */
  #joined(found: readonly StoredRow[], changes: readonly Change[]): StoredRow[] {
    const wide = new Map(changes.map((change) => [change.message_id, this.#partitions(change).length] as const).filter(([, places]) => places > 1));
    const groups = Map.groupBy(found, (row) => row.message_id);
    return [...groups].flatMap(([id, group]) => {
      const whole = group.length === (wide.get(id) ?? group.length);
      const oldest = group.toSorted((a, b) => (a.changed_at ?? 0) - (b.changed_at ?? 0) || Number(b.event !== null) - Number(a.event !== null))[0];
      return whole && oldest !== undefined ? [oldest] : [];
    });
  }

  async write({ conversation_id, rows, changes }: Writes): Promise<void> {
    const now = Math.floor(this.#now() / 1_000);
    try {
      const places = Map.groupBy(rows, (row) => this.#partition(row));
      const batches = batchesOf([
        ...rows.map((row) => this.#insertion(conversation_id, row, now)),
        ...changes.flatMap((change) => this.#updates(conversation_id, change, now)),
      ]);
      const client = this.#connection.client();
      await this.#connection.entering(places.keys());
      for (const [bucket, group] of places) {
        await client.execute(CQL.insertBucket, [conversation_id, bucket, ttl(bucketExpiry(monthOf(bucket), this.#retentionS), now)]);
        if (group.some((row) => row.expires_at === null)) await this.#holds.keepBucket(conversation_id, bucket);
      }
      await inLanes(Map.groupBy(rows, (row) => row.sender_id), SENDER_WIDTH, async ([sender, group]) => {
        const held = group.some((row) => row.expires_at === null);
        await this.#holds.keepSender(sender, conversation_id, held ? null : (group.at(-1) as NewRow).expires_at);
      });
      await sendBatches(client, batches);
    } catch (error) {
      const refused = error instanceof TypeError || (error instanceof errors.ResponseError && error.code === types.responseErrorCodes.invalid);
      throw refused ? new StoreRefused(error) : new StoreUnavailable(error);
    }
  }

  ledger(key: LedgerKey): Promise<LedgerEntry | null> {
    return this.#guard(() => this.#ledger.read(key));
  }

  ledgerAfter(conversationId: string, after: Pick<LedgerKey, "epoch" | "from_seq"> | null, limit: number): Promise<LedgerEntry[]> {
    return this.#guard(() => this.#ledger.readAfter(conversationId, after, limit));
  }

  ledgerBefore(conversationId: string, before: Pick<LedgerKey, "epoch" | "from_seq">): Promise<LedgerEntry | null> {
    return this.#guard(() => this.#ledger.readBefore(conversationId, before));
  }

  record(entries: readonly Recorded[]): Promise<LedgerEntry[]> {
    return this.#guard(() => this.#ledger.record(entries));
  }

  replace(entry: Recorded, sha256: string): Promise<LedgerEntry> {
    return this.#guard(() => this.#ledger.replace(entry, sha256));
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

  async reached(conversationId: string, epoch: number, archivedSeq: number): Promise<void> {
    // A timestamp of 0 would be the server's own time.
    if (archivedSeq > 0) await this.#rows(CQL.reached, [conversationId, epoch, BigInt(archivedSeq), BigInt(archivedSeq)]);
  }

  async readReached(conversationId: string, epoch: number): Promise<number> {
    const [row] = await this.#rows(CQL.readReached, [conversationId, epoch]);
    return row === undefined ? 0 : Number(row["archived_seq"] as bigint);
  }

  async read(conversationId: string, range: ReadRange, limit: number): Promise<EventRow[]> {
    const events: EventRow[] = [];
    const over = (row: types.Row) => row["ttl_body"] !== null && expiryOf(String(row["message_id"]), this.#retentionS) * 1_000 <= this.#now();
    for (const bucket of await this.#places(conversationId, range)) {
      const left = limit - events.length;
      if (left <= 0) break;
      await this.#each(CQL.range, [conversationId, bucket, range.first, range.last], Math.min(left, PAGE_ROWS), (row) => {
        if (row["seq"] !== null && !over(row)) events.push(eventRow(row));
        return events.length < limit;
      });
    }
    return events;
  }

  /** The partitions that a range lies in, ascending. Who does not know its seqs looks for the parts of the month. */
  async #places(conversationId: string, { bucket, from_seq, to_seq }: ReadRange): Promise<string[]> {
    const layout = this.#connection.layout();
    if (isSplit(bucket) || bucket < layout.split_from) return [bucket];
    if (from_seq !== undefined && to_seq !== undefined) return partitionsOf(bucket, from_seq, to_seq, layout);
    const bounds = [conversationId, bucket, `${bucket}.~`];
    const [parts, held] = [await this.#rows(CQL.parts, bounds), await this.#rows(CQL.heldParts, bounds)];
    return [...new Set([bucket, ...[...parts, ...held].map((row) => row["bucket"] as string)])].toSorted();
  }

  async buckets(conversationId: string): Promise<string[]> {
    return this.#guard(() => this.#holds.buckets(conversationId));
  }

  mergeReceipts(conversationId: string, marks: readonly MemberMarks[]): Promise<void> {
    return this.#guard(() => this.#receipts.merge(conversationId, marks));
  }

  receipts(conversationId: string): Promise<MemberMarks[]> {
    return this.#guard(() => this.#receipts.read(conversationId));
  }

  holds(): Promise<Hold[]> {
    return this.#guard(() => this.#holds.holds());
  }

  commitHold(hold: Hold): Promise<void> {
    return this.#guard(() => this.#holds.commitHold(hold));
  }

  removeHold(kind: HoldKind, id: string): Promise<void> {
    return this.#guard(() => this.#holds.removeHold(kind, id));
  }

  readHeld(conversationId: string, senders: ReadonlySet<string>): Promise<Held> {
    return this.#guard(() => this.#holds.readHeld(conversationId, senders));
  }

  settlePage(conversationId: string, bucket: string, after: string | null, limit: number): Promise<SettledPage> {
    return this.#guard(() => this.#holds.settlePage(conversationId, bucket, after, limit));
  }

  settleRows(conversationId: string, rows: readonly { bucket: string; message_id: string }[]): Promise<void> {
    return this.#guard(() => this.#holds.settleRows(conversationId, rows));
  }

  keepSender(userId: string, conversationId: string, held: boolean): Promise<void> {
    return this.#guard(() => this.#holds.keepSender(userId, conversationId, held ? null : Math.floor(this.#now() / 1_000) + this.#retentionS));
  }

  async *conversationsOf(userId: string, from: string | null): AsyncGenerator<string> {
    try {
      yield* this.#holds.conversationsOf(userId, from);
    } catch (error) {
      throw new StoreUnavailable(error);
    }
  }

  completeSenders(progress: (rows: number) => void): Promise<void> {
    return this.#guard(() => this.#holds.completeSenders(progress));
  }

  async beat(archiverId: string, leaseMs: number): Promise<string[]> {
    // Seconds begin anywhere within one.
    await this.#rows(CQL.beat, [archiverId, Math.ceil(leaseMs / 1_000) + 1]);
    return (await this.#rows(CQL.living, [])).map((row) => String(row["archiver_id"]));
  }

  async leave(archiverId: string): Promise<void> {
    await this.#rows(CQL.leave, [archiverId]);
  }

  async readErased(userIds: readonly string[]): Promise<Map<string, number>> {
    if (userIds.length === 0) return new Map();
    const rows = await this.#rows(CQL.readErased, [userIds]);
    return new Map(rows.map((row) => [row["user_id"] as string, Number(row["until"] as bigint)]));
  }

  async recordErased(userId: string, until: number): Promise<void> {
    await this.#rows(CQL.recordErased, [userId, BigInt(until), BigInt(until)]);
  }

  async check(): Promise<void> {
    await this.#guard(() => this.#connection.client().execute(CQL.check, [], { readTimeout: CHECK_TIMEOUT_MS }));
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  #partition({ bucket, seq }: NewRow): string {
    return isSplit(bucket) ? bucket : partitionOf(bucket, seq, this.#connection.layout());
  }

  /** Where the row of a change may be. */
  #partitions({ bucket, seqs }: Change): string[] {
    return isSplit(bucket) || seqs === undefined ? [bucket] : partitionsOf(bucket, ...seqs, this.#connection.layout());
  }

  #insertion(conversationId: string, row: NewRow, now: number): Sized {
    const bucket = this.#partition(row);
    const params = () => [
      conversationId, bucket, row.message_id, BigInt(row.seq), row.epoch, row.type, row.sender_id, new Date(row.created_at),
      // undefined is left unset: a null would be a tombstone.
      row.client_msg_id ?? undefined, row.msg_no === null ? undefined : BigInt(row.msg_no), row.content_type ?? undefined,
      row.content ?? undefined, row.status ?? undefined, row.body, Buffer.from(row.salt, "hex"), Buffer.from(row.content_hash, "hex"),
      BigInt(clockOf(row.message_id)), ttl(row.expires_at, now),
    ];
    return { bucket, bytes: 300 + 3 * (row.body.length + (row.content?.length ?? 0)), statement: () => ({ query: CQL.insertRow, params: params() }) };
  }

  #updates(conversationId: string, change: Change, now: number): Sized[] {
    const { message_id, content, status, changed_at, body, expires_at } = change;
    const shown = [BigInt(changed_at), ttl(expires_at, now), content, status];
    return this.#partitions(change).map((bucket) => {
      const place = [conversationId, bucket, message_id];
      const statement = body === null
        ? { query: CQL.updateShown, params: [...shown, ...place] }
        : { query: CQL.erase, params: [...shown, body, Buffer.from(ERASED_SALT, "hex"), ...place] };
      return { bucket, bytes: 300 + 3 * (body ?? content).length, statement: () => statement };
    });
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
      throw error instanceof SchemaTooNew || error instanceof StoreUnavailable ? error : new StoreUnavailable(error);
    }
  }
}
