// The ledger of segments in Cassandra. An entry is written where none is, or in the place of a certain one, by consensus.
import { types } from "cassandra-driver";
import { type Statement, ttl } from "./cassandra-batches.ts";
import type { CassandraConnection } from "./cassandra-client.ts";
import { LEDGER, ledgerEntry, ledgerValues } from "./cassandra-rows.ts";
import type { LedgerEntry, LedgerKey, Recorded } from "./store.ts";

const CQL = {
  ledger: `SELECT ${LEDGER} FROM segments WHERE conversation_id = ? AND epoch = ? AND from_seq = ? AND to_seq = ?`,
  ledgerAfter: `SELECT ${LEDGER} FROM segments WHERE conversation_id = ? AND (epoch, from_seq) > (?, ?) ORDER BY epoch ASC, from_seq ASC LIMIT ?`,
  ledgerBefore: `SELECT ${LEDGER} FROM segments WHERE conversation_id = ? AND (epoch, from_seq) < (?, ?) ORDER BY epoch DESC, from_seq DESC LIMIT 1`,
  record: `INSERT INTO segments (${LEDGER})
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS USING TTL ?`,
  replace: `UPDATE segments USING TTL ? SET count = ?, sha256 = ?, archived_at = ?, chain_before = ?, chain = ?, first_id = ?, last_id = ?, pair = ?
    WHERE conversation_id = ? AND epoch = ? AND from_seq = ? AND to_seq = ? IF sha256 = ?`,
} as const;

const CONDITIONAL = { isIdempotent: false, serialConsistency: types.consistencies.localSerial };

export class CassandraLedger {
  readonly #connection: CassandraConnection;
  readonly #now: () => number;

  /** @param now ms */
  constructor(connection: CassandraConnection, now: () => number) {
    this.#connection = connection;
    this.#now = now;
  }

  async read({ conversation_id, epoch, from_seq, to_seq }: LedgerKey): Promise<LedgerEntry | null> {
    const [row] = await this.#rows(CQL.ledger, [conversation_id, epoch, BigInt(from_seq), BigInt(to_seq)]);
    return row === undefined ? null : ledgerEntry(row);
  }

  async readAfter(conversationId: string, after: Pick<LedgerKey, "epoch" | "from_seq"> | null, limit: number): Promise<LedgerEntry[]> {
    const { epoch, from_seq } = after ?? { epoch: 0, from_seq: 0 };
    return (await this.#rows(CQL.ledgerAfter, [conversationId, epoch, BigInt(from_seq), limit])).map(ledgerEntry);
  }

  async readBefore(conversationId: string, { epoch, from_seq }: Pick<LedgerKey, "epoch" | "from_seq">): Promise<LedgerEntry | null> {
    const [row] = await this.#rows(CQL.ledgerBefore, [conversationId, epoch, BigInt(from_seq)]);
    return row === undefined ? null : ledgerEntry(row);
  }

  async record(entries: readonly Recorded[]): Promise<LedgerEntry[]> {
    const client = this.#connection.client();
    const statements = entries.map((recorded) => this.#recording(recorded));
    // One round of consensus for all, where none is there yet.
    if (statements.length > 1) {
      const result = await client.batch(statements, { logged: false, prepare: true, ...CONDITIONAL });
      if (result.wasApplied()) return entries.map(({ entry }) => entry);
    }
    const standing: LedgerEntry[] = [];
    for (const [i, { query, params }] of statements.entries()) {
      const result = await client.execute(query, params, CONDITIONAL);
      standing.push(result.wasApplied() ? (entries[i] as Recorded).entry : ledgerEntry(result.first() as types.Row));
    }
    return standing;
  }

  #recording({ entry, expiresAt }: Recorded): Statement {
    const { conversation_id, epoch, from_seq, to_seq } = entry;
    return {
      query: CQL.record,
      params: [conversation_id, epoch, BigInt(from_seq), BigInt(to_seq), ...ledgerValues(entry), ttl(expiresAt, Math.floor(this.#now() / 1_000))],
    };
  }

  async replace({ entry, expiresAt }: Recorded, sha256: string): Promise<LedgerEntry> {
    const { conversation_id, epoch, from_seq, to_seq } = entry;
    const params = [
      ttl(expiresAt, Math.floor(this.#now() / 1_000)), ...ledgerValues(entry), conversation_id, epoch, BigInt(from_seq), BigInt(to_seq), sha256,
    ];
    await this.#connection.client().execute(CQL.replace, params, CONDITIONAL);
    return (await this.read(entry)) ?? entry;
  }

  async #rows(query: string, params: unknown[]): Promise<types.Row[]> {
    const rows: types.Row[] = [];
    for await (const row of await this.#connection.client().execute(query, params)) rows.push(row);
    return rows;
  }
}
