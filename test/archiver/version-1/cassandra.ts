// What version 1 wrote to Cassandra and how it read it, frozen: its schema and its statements, as they were released. Never
// brought up to date: newer programs have to live with it.
import { readFileSync } from "node:fs";
import type { Client } from "cassandra-driver";
import { migrateCassandra, type Migration, statementsOf } from "../../../archiver/migrate.ts";
import type { Change } from "../../../archiver/plan.ts";
import type { NewRow } from "../../../archiver/rows.ts";
import { bucketOf, clockOf } from "../../../protocol/msg-id.ts";

export const MIGRATIONS_1: readonly Migration[] = [{
  version: 1, minimum_compatible_version: 1, file: "0001_archive.cql", description: "",
  statements: statementsOf(readFileSync(new URL("archive.cql", import.meta.url), "utf8")),
}];

const CQL = {
  insertRow: `INSERT INTO messages (conversation_id, bucket, message_id, seq, epoch, type, sender_id, created_at, client_msg_id,
    msg_no, content_type, content, status, body, salt, content_hash)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?`,
  updateShown: `UPDATE messages USING TIMESTAMP ? AND TTL ? SET content = ?, status = ?
    WHERE conversation_id = ? AND bucket = ? AND message_id = ?`,
  erase: `UPDATE messages USING TIMESTAMP ? AND TTL ? SET content = ?, status = ?, body = ?, salt = ?
    WHERE conversation_id = ? AND bucket = ? AND message_id = ?`,
  insertBucket: "INSERT INTO buckets (conversation_id, bucket) VALUES (?, ?) USING TTL ?",
  range: `SELECT message_id, bucket, seq, epoch, type, sender_id, created_at, client_msg_id, msg_no, content_type, content, status,
    WRITETIME(status) AS changed_at, body, salt, content_hash FROM messages
    WHERE conversation_id = ? AND bucket = ? AND message_id >= ? AND message_id <= ? ORDER BY message_id ASC`,
} as const;

/** Its client, in its keyspace. */
export class Version1 {
  readonly #client: Client;
  readonly #retentionS: number;

  constructor(client: Client, retentionS: number) {
    this.#client = client;
    this.#retentionS = retentionS;
  }

  /** Throws where it may not use the keyspace. */
  async open(keyspace: string, datacenter: string): Promise<void> {
    await migrateCassandra(this.#client, keyspace, datacenter, [...MIGRATIONS_1]);
  }

  async write(conversationId: string, rows: readonly NewRow[], changes: readonly Change[] = []): Promise<void> {
    const now = Math.floor(Date.now() / 1_000);
    const ttl = (messageId: string) => Math.max(1, Math.floor(clockOf(messageId) / 1_000_000) + this.#retentionS - now);
    const run = (query: string, params: unknown[]) => this.#client.execute(query, params, { prepare: true });
    for (const bucket of new Set(rows.map((row) => bucketOf(row.message_id)))) await run(CQL.insertBucket, [conversationId, bucket, this.#retentionS]);
    for (const row of rows) {
      await run(CQL.insertRow, [
        conversationId, bucketOf(row.message_id), row.message_id, BigInt(row.seq), row.epoch, row.type, row.sender_id, new Date(row.created_at),
        row.client_msg_id ?? undefined, row.msg_no === null ? undefined : BigInt(row.msg_no), row.content_type ?? undefined,
        row.content ?? undefined, row.status ?? undefined, row.body, Buffer.from(row.salt, "hex"), Buffer.from(row.content_hash, "hex"),
        BigInt(clockOf(row.message_id)), ttl(row.message_id),
      ]);
    }
    for (const { message_id, content, status, body, changed_at } of changes) {
      const place = [conversationId, bucketOf(message_id), message_id];
      const shown = [BigInt(changed_at), ttl(message_id), content, status];
      if (body === null) await run(CQL.updateShown, [...shown, ...place]);
      else await run(CQL.erase, [...shown, body, Buffer.alloc(16), ...place]);
    }
  }

  /** The seqs of a range, ascending, with what each shows. */
  async read(conversationId: string, bucket: string, first: string, last: string): Promise<[seq: number, content: string | null, status: string | null][]> {
    const { rows } = await this.#client.execute(CQL.range, [conversationId, bucket, first, last], { prepare: true });
    return rows.filter((row) => row["seq"] !== null)
      .map((row) => [Number(row["seq"] as bigint), row["content"] as string | null, row["status"] as string | null]);
  }
}
