// The embedded store: one SQLite file, for development. Every write is one transaction, on disk when it returns.
import { mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { MemberMarks } from "../../protocol/archive.ts";
import type { Change, Writes } from "../plan.ts";
import type { EventRow, Held, NewRow, StoredRow } from "../rows.ts";
import { ERASED_SALT } from "../../protocol/segment.ts";
import { bucketExpiry } from "./bucket-expiry.ts";
import type { Hold, HoldKind, SettledPage } from "./holds.ts";
import { HELD_S, SqliteHolds } from "./sqlite-holds.ts";
import { SqliteReceipts } from "./sqlite-receipts.ts";
import { migrateSqlite } from "./sqlite-schema.ts";
import { type ArchiveStore, type EpochEntry, type LedgerEntry, type LedgerKey, type RawRow, type ReadRange, type Recorded, SchemaTooNew, StoreUnavailable } from "./store.ts";

const COLUMNS = `message_id, bucket, seq, epoch, type, sender_id, created_at, client_msg_id, msg_no, content_type, content,
  status, changed_at, body, lower(hex(salt)) AS salt, lower(hex(content_hash)) AS content_hash, expires_at`;

const LEDGER = "conversation_id, epoch, from_seq, to_seq, count, sha256, archived_at, chain_before, chain, first_id, last_id, pair";

const SQL = {
  insertRow: `INSERT INTO messages (conversation_id, bucket, message_id, seq, epoch, type, sender_id, created_at, client_msg_id,
      msg_no, content_type, content, status, changed_at, body, salt, content_hash, expires_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, unhex(?), unhex(?), ?)
    ON CONFLICT DO UPDATE SET seq = excluded.seq, epoch = excluded.epoch, type = excluded.type, sender_id = excluded.sender_id,
      created_at = excluded.created_at, client_msg_id = excluded.client_msg_id, msg_no = excluded.msg_no,
      content_type = excluded.content_type, body = coalesce(messages.body, excluded.body),
      salt = coalesce(messages.salt, excluded.salt), content_hash = excluded.content_hash
      WHERE messages.seq IS NULL`,
  insertChange: `INSERT INTO messages (conversation_id, bucket, message_id, content, status, changed_at, body, salt, expires_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, unhex(?), ?)
    ON CONFLICT DO UPDATE SET content = excluded.content, status = excluded.status, changed_at = excluded.changed_at,
      body = coalesce(excluded.body, messages.body), salt = coalesce(excluded.salt, messages.salt)
      WHERE messages.changed_at IS NULL OR messages.changed_at < excluded.changed_at
        OR (messages.changed_at = excluded.changed_at AND excluded.body IS NOT NULL)`,
  insertBucket: "INSERT INTO buckets (conversation_id, bucket, expires_at) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)",
  range: `SELECT ${COLUMNS} FROM messages WHERE conversation_id = ? AND bucket = ? AND message_id BETWEEN ? AND ?
    AND expires_at > ? ORDER BY message_id`,
  events: `SELECT ${COLUMNS} FROM messages WHERE conversation_id = ? AND bucket = ? AND message_id BETWEEN ? AND ?
    AND expires_at > ? AND seq IS NOT NULL ORDER BY message_id LIMIT ?`,
  ledger: `SELECT ${LEDGER} FROM segments
    WHERE conversation_id = ? AND epoch = ? AND from_seq = ? AND to_seq = ? AND expires_at > ?`,
  scan: `SELECT ${COLUMNS} FROM messages WHERE conversation_id = ? AND bucket = ? AND message_id > ? AND expires_at > ?
    ORDER BY message_id LIMIT ?`,
  ledgerAfter: `SELECT ${LEDGER} FROM segments WHERE conversation_id = ? AND (epoch, from_seq) > (?, ?) AND expires_at > ?
    ORDER BY epoch, from_seq LIMIT ?`,
  ledgerBefore: `SELECT ${LEDGER} FROM segments WHERE conversation_id = ? AND (epoch, from_seq) < (?, ?) AND expires_at > ?
    ORDER BY epoch DESC, from_seq DESC LIMIT 1`,
  epochs: "SELECT epoch, from_seq, begun_at, completed_at FROM epochs WHERE conversation_id = ? ORDER BY epoch",
  recordEpoch: `INSERT INTO epochs (conversation_id, epoch, from_seq, begun_at, completed_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET from_seq = coalesce(excluded.from_seq, from_seq), completed_at = coalesce(excluded.completed_at, completed_at)`,
  conversations: `SELECT conversation_id FROM (SELECT conversation_id FROM segments UNION SELECT conversation_id FROM archived)
    WHERE conversation_id > ? ORDER BY conversation_id LIMIT 500`,
  record: `INSERT INTO segments (${LEDGER}, expires_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET count = excluded.count, sha256 = excluded.sha256, archived_at = excluded.archived_at, chain_before = excluded.chain_before,
      chain = excluded.chain, first_id = excluded.first_id, last_id = excluded.last_id, pair = excluded.pair WHERE segments.sha256 = ?`,
  reached: `INSERT INTO archived (conversation_id, epoch, archived_seq) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET archived_seq = max(archived_seq, excluded.archived_seq)`,
  readReached: "SELECT archived_seq FROM archived WHERE conversation_id = ? AND epoch = ?",
  buckets: "SELECT bucket FROM buckets WHERE conversation_id = ? AND expires_at > ? ORDER BY bucket",
  beat: "INSERT INTO archivers (archiver_id, until) VALUES (?, ?) ON CONFLICT DO UPDATE SET until = excluded.until",
  sweepArchivers: "DELETE FROM archivers WHERE until <= ?",
  living: "SELECT archiver_id FROM archivers",
  leave: "DELETE FROM archivers WHERE archiver_id = ?",
  readErased: "SELECT user_id, until FROM erased WHERE user_id IN (SELECT value FROM json_each(?))",
  recordErased: "INSERT INTO erased (user_id, until) VALUES (?, ?) ON CONFLICT DO UPDATE SET until = max(until, excluded.until)",
  sweepMessages: "DELETE FROM messages WHERE rowid IN (SELECT rowid FROM messages WHERE expires_at <= ? LIMIT 1000)",
  sweepBuckets: "DELETE FROM buckets WHERE expires_at <= ?",
  sweepSegments: "DELETE FROM segments WHERE expires_at <= ?",
} as const;

type FoundRow = EventRow & { content: string | null; status: string | null; changed_at: number | null; expires_at: number };

function storedRow(row: FoundRow): StoredRow {
  const { content, status, changed_at, expires_at, ...event } = row;
  const { message_id, bucket } = row;
  return { message_id, bucket, content, status: status as StoredRow["status"], changed_at, event: row.seq === null ? null : event, held: expires_at === HELD_S };
}

function ledgerEntry(row: Record<string, unknown>): LedgerEntry {
  const { pair, ...fields } = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
  return { ...fields, ...(typeof pair === "string" ? { pair: pair.split(",") } : {}) } as unknown as LedgerEntry;
}

export class SqliteStore implements ArchiveStore {
  readonly kind = "sqlite";
  readonly #file: string;
  readonly #retentionS: number;
  readonly #now: () => number;
  readonly #holds: SqliteHolds;
  readonly #receipts: SqliteReceipts;
  readonly #statements = new Map<keyof typeof SQL, StatementSync>();
  #db: DatabaseSync | null = null;
  #identity = "";

  /** @param folder made when absent; @param now ms */
  constructor(folder: string, retentionS: number, now: () => number) {
    this.#file = path.join(folder, "archive.sqlite");
    this.#retentionS = retentionS;
    this.#now = now;
    this.#holds = new SqliteHolds((work) => this.#transaction(work), retentionS);
    this.#receipts = new SqliteReceipts((work) => this.#transaction(work), retentionS, now);
  }

  async open(): Promise<void> {
    if (this.#db !== null) return;
    this.#guard(() => {
      mkdirSync(path.dirname(this.#file), { recursive: true, mode: 0o700 });
      const db = new DatabaseSync(this.#file, { timeout: 5_000 });
      try {
        db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON");
        migrateSqlite(db);
      } catch (error) {
        db.close();
        throw error;
      }
      this.#identity = this.#standing();
      this.#db = db;
    });
  }

  async readBack({ conversation_id, rows, changes }: Writes): Promise<StoredRow[]> {
    const now = this.#seconds();
    const ranges = Map.groupBy(rows, (row) => row.bucket);
    const own = new Set(rows.map((row) => row.message_id));
    const read = (bucket: string, first: string, last: string) =>
      (this.#guard(() => this.#sql("range").all(conversation_id, bucket, first, last, now)) as unknown as FoundRow[]).map(storedRow);
    return [
      ...[...ranges].flatMap(([bucket, group]) => read(bucket, (group[0] as NewRow).message_id, (group.at(-1) as NewRow).message_id)),
      ...changes.filter((change) => !own.has(change.message_id)).flatMap(({ bucket, message_id }) => read(bucket, message_id, message_id)),
    ];
  }

  readProof(writes: Writes): Promise<StoredRow[]> {
    return this.readBack(writes);
  }

  async write({ conversation_id, rows, changes }: Writes): Promise<void> {
    this.#transaction(() => {
      for (const row of rows) this.#insertRow(conversation_id, row);
      for (const change of changes) this.#insertChange(conversation_id, change);
      for (const bucket of new Set(rows.map((row) => row.bucket))) {
        const held = rows.some((row) => row.bucket === bucket && row.expires_at === null);
        this.#sql("insertBucket").run(conversation_id, bucket, held ? HELD_S : bucketExpiry(bucket, this.#retentionS));
      }
      const now = this.#seconds();
      this.#sql("sweepMessages").run(now);
      this.#sql("sweepBuckets").run(now);
      this.#sql("sweepSegments").run(now);
    });
    // What is erased stands in the log until that is written over. Another reader may hold it open: then the next time.
    if (changes.some((change) => change.body !== null)) this.#guard(() => this.#db?.exec("PRAGMA wal_checkpoint(TRUNCATE)"));
  }

  async ledger({ conversation_id, epoch, from_seq, to_seq }: LedgerKey): Promise<LedgerEntry | null> {
    const row = this.#guard(() => this.#sql("ledger").get(conversation_id, epoch, from_seq, to_seq, this.#seconds()));
    return row === undefined ? null : ledgerEntry(row);
  }

  async record(entries: readonly Recorded[]): Promise<LedgerEntry[]> {
    this.#transaction(() => {
      for (const recorded of entries) this.#enter(recorded, null);
    });
    return Promise.all(entries.map(({ entry }) => this.#stands(entry)));
  }

  async replace(recorded: Recorded, sha256: string): Promise<LedgerEntry> {
    this.#transaction(() => this.#enter(recorded, sha256));
    return this.#stands(recorded.entry);
  }

  #enter({ entry, expiresAt }: Recorded, replaces: string | null): void {
    const { conversation_id, epoch, from_seq, to_seq, count, sha256, archived_at, chain_before, chain, first_id, last_id, pair } = entry;
    this.#sql("record").run(
      conversation_id, epoch, from_seq, to_seq, count, sha256, archived_at, chain_before ?? null, chain ?? null, first_id ?? null, last_id ?? null,
      pair?.join(",") ?? null, expiresAt, replaces,
    );
  }

  async #stands(entry: LedgerEntry): Promise<LedgerEntry> {
    return (await this.ledger(entry)) ?? entry;
  }

  async reached(conversationId: string, epoch: number, archivedSeq: number): Promise<void> {
    this.#transaction(() => this.#sql("reached").run(conversationId, epoch, archivedSeq));
  }

  async readReached(conversationId: string, epoch: number): Promise<number> {
    const row = this.#guard(() => this.#sql("readReached").get(conversationId, epoch));
    return (row?.["archived_seq"] as number | undefined) ?? 0;
  }

  async read(conversationId: string, { bucket, first, last }: ReadRange, limit: number): Promise<EventRow[]> {
    const rows = this.#guard(() => this.#sql("events").all(conversationId, bucket, first, last, this.#seconds(), limit));
    return rows as unknown as EventRow[];
  }

  async scan(conversationId: string, bucket: string, after: string | null, limit: number): Promise<RawRow[]> {
    const rows = this.#guard(() => this.#sql("scan").all(conversationId, bucket, after ?? "", this.#seconds(), limit)) as unknown as RawRow[];
    // hex() of null is an empty text.
    return rows.map((row) => ({ ...row, salt: row.salt || null, content_hash: row.content_hash || null }));
  }

  async ledgerAfter(conversationId: string, after: Pick<LedgerKey, "epoch" | "from_seq"> | null, limit: number): Promise<LedgerEntry[]> {
    const { epoch, from_seq } = after ?? { epoch: 0, from_seq: 0 };
    return this.#guard(() => this.#sql("ledgerAfter").all(conversationId, epoch, from_seq, this.#seconds(), limit)).map(ledgerEntry);
  }

  async ledgerBefore(conversationId: string, { epoch, from_seq }: Pick<LedgerKey, "epoch" | "from_seq">): Promise<LedgerEntry | null> {
    const row = this.#guard(() => this.#sql("ledgerBefore").get(conversationId, epoch, from_seq, this.#seconds()));
    return row === undefined ? null : ledgerEntry(row);
  }

  async epochs(conversationId: string): Promise<EpochEntry[]> {
    return this.#guard(() => this.#sql("epochs").all(conversationId)) as unknown as EpochEntry[];
  }

  async recordEpoch(conversationId: string, { epoch, from_seq, begun_at, completed_at }: EpochEntry): Promise<void> {
    this.#transaction(() => this.#sql("recordEpoch").run(conversationId, epoch, from_seq, begun_at, completed_at));
  }

  async *conversations(): AsyncIterable<string> {
    for (let after = ""; ;) {
      const page = this.#guard(() => this.#sql("conversations").all(after)).map((row) => row["conversation_id"] as string);
      const last = page.at(-1);
      if (last === undefined) return;
      yield* page;
      after = last;
    }
  }

  async buckets(conversationId: string): Promise<string[]> {
    return this.#guard(() => this.#sql("buckets").all(conversationId, this.#seconds())).map((row) => row["bucket"] as string);
  }

  async beat(archiverId: string, leaseMs: number): Promise<string[]> {
    let living: string[] = [];
    this.#transaction(() => {
      this.#sql("sweepArchivers").run(this.#now());
      this.#sql("beat").run(archiverId, this.#now() + leaseMs);
      living = this.#sql("living").all().map((row) => row["archiver_id"] as string);
    });
    return living;
  }

  async leave(archiverId: string): Promise<void> {
    this.#transaction(() => this.#sql("leave").run(archiverId));
  }

  async mergeReceipts(conversationId: string, marks: readonly MemberMarks[]): Promise<void> {
    this.#receipts.merge(conversationId, marks);
  }

  async receipts(conversationId: string): Promise<MemberMarks[]> {
    return this.#receipts.read(conversationId);
  }

  async holds(): Promise<Hold[]> {
    return this.#holds.holds();
  }

  async commitHold(hold: Hold): Promise<void> {
    this.#holds.commitHold(hold);
  }

  async removeHold(kind: HoldKind, id: string): Promise<void> {
    this.#holds.removeHold(kind, id);
  }

  async readHeld(conversationId: string, senders: ReadonlySet<string>): Promise<Held> {
    return this.#holds.readHeld(conversationId, senders);
  }

  async settlePage(conversationId: string, bucket: string, after: string | null, limit: number): Promise<SettledPage> {
    return this.#holds.settlePage(conversationId, bucket, after, limit);
  }

  async settleRows(conversationId: string, rows: readonly { bucket: string; message_id: string }[]): Promise<void> {
    this.#holds.settleRows(conversationId, rows);
  }

  /** The rows themselves are the index. */
  async keepSender(): Promise<void> {}

  async *conversationsOf(userId: string, from: string | null): AsyncGenerator<string> {
    yield* this.#holds.conversationsOf(userId, from);
  }

  async completeSenders(): Promise<void> {}

  async readErased(userIds: readonly string[]): Promise<Map<string, number>> {
    const rows = this.#guard(() => this.#sql("readErased").all(JSON.stringify(userIds)));
    return new Map(rows.map((row) => [row["user_id"] as string, row["until"] as number]));
  }

  async recordErased(userId: string, until: number): Promise<void> {
    this.#transaction(() => this.#sql("recordErased").run(userId, until));
  }

  async check(): Promise<void> {
    this.#guard(() => {
      this.#requireStanding();
      this.#sql("readReached").get("", 0);
    });
  }

  async close(): Promise<void> {
    this.#statements.clear();
    this.#db?.close();
    this.#db = null;
  }

  #insertRow(conversationId: string, row: NewRow): void {
    this.#sql("insertRow").run(
      conversationId, row.bucket, row.message_id, row.seq, row.epoch, row.type, row.sender_id, row.created_at, row.client_msg_id,
      row.msg_no, row.content_type, row.content, row.status, row.changed_at, row.body, row.salt, row.content_hash, row.expires_at ?? HELD_S,
    );
  }

  #insertChange(conversationId: string, change: Change): void {
    const { bucket, message_id, content, status, changed_at, body, expires_at } = change;
    this.#sql("insertChange").run(conversationId, bucket, message_id, content, status, changed_at, body, body === null ? null : ERASED_SALT, expires_at ?? HELD_S);
  }

  #seconds(): number {
    return Math.floor(this.#now() / 1_000);
  }

  #sql(name: keyof typeof SQL): StatementSync {
    if (this.#db === null) throw new Error("the archive's file is not open");
    const known = this.#statements.get(name) ?? this.#db.prepare(SQL[name]);
    this.#statements.set(name, known);
    return known;
  }

  /** Which file has the name now. */
  #standing(): string {
    const found = statSync(this.#file, { bigint: true, throwIfNoEntry: false });
    return found === undefined ? "" : `${found.dev} ${found.ino}`;
  }

  /** Removed or replaced, what is open is gone with this process: nothing that was written to it may be acknowledged. */
  #requireStanding(): void {
    if (this.#standing() === this.#identity) return;
    this.#statements.clear();
    this.#db?.close();
    this.#db = null;
    throw new Error("the archive's file was removed or replaced while it was open");
  }

  #transaction<T>(work: (db: DatabaseSync) => T): T {
    return this.#guard(() => {
      const db = this.#db;
      if (db === null) throw new Error("the archive's file is not open");
      db.exec("BEGIN IMMEDIATE");
      try {
        const result = work(db);
        db.exec("COMMIT");
        this.#requireStanding();
        return result;
      } catch (error) {
        if (db.isOpen && db.isTransaction) db.exec("ROLLBACK");
        throw error;
      }
    });
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof SchemaTooNew ? error : new StoreUnavailable(error);
    }
  }
}
