// Watermarks in Cassandra. A watermark's write time is its seq: the greater wins, and the same one twice is one. It ends as
// long after its own time as a message does.
import type { types } from "cassandra-driver";
import type { MemberMarks } from "../../protocol/archive.ts";
import { ttl } from "./cassandra-batches.ts";
import type { CassandraConnection } from "./cassandra-client.ts";

/** Of one batch. */
const UPDATES = 100;

const CQL = {
  delivered: "UPDATE receipts USING TIMESTAMP ? AND TTL ? SET delivered_seq = ?, delivered_at = ? WHERE conversation_id = ? AND user_id = ?",
  read: "UPDATE receipts USING TIMESTAMP ? AND TTL ? SET read_seq = ?, read_at = ? WHERE conversation_id = ? AND user_id = ?",
  receipts: "SELECT user_id, delivered_seq, delivered_at, read_seq, read_at FROM receipts WHERE conversation_id = ?",
} as const;

export class CassandraReceipts {
  readonly #connection: CassandraConnection;
  readonly #retentionS: number;
  readonly #now: () => number;

  constructor(connection: CassandraConnection, retentionS: number, now: () => number) {
    this.#connection = connection;
    this.#retentionS = retentionS;
    this.#now = now;
  }

  async merge(conversationId: string, marks: readonly MemberMarks[]): Promise<void> {
    const now = Math.floor(this.#now() / 1_000);
    const update = (query: string, userId: string, seq: number, at: number) => {
      const end = Math.floor(at / 1_000) + this.#retentionS;
      return seq === 0 || end <= now ? [] : [{ query, params: [BigInt(seq), ttl(end, now), BigInt(seq), new Date(at), conversationId, userId] }];
    };
    const updates = marks.flatMap(({ user_id, delivered_seq, delivered_at, read_seq, read_at }) => [
      ...update(CQL.delivered, user_id, delivered_seq, delivered_at), ...update(CQL.read, user_id, read_seq, read_at),
    ]);
    for (let i = 0; i < updates.length; i += UPDATES) {
      await this.#connection.client().batch(updates.slice(i, i + UPDATES), { logged: false, prepare: true });
    }
  }

  async read(conversationId: string): Promise<MemberMarks[]> {
    const result = await this.#connection.client().execute(CQL.receipts, [conversationId], { fetchSize: 1_000 });
    const marks: MemberMarks[] = [];
    for await (const row of result) marks.push(marksOf(row));
    return marks;
  }
}

function marksOf(row: types.Row): MemberMarks {
  const seq = (name: string) => Number((row[name] as bigint | null) ?? 0n);
  const at = (name: string) => (row[name] as Date | null)?.getTime() ?? 0;
  return {
    user_id: row["user_id"] as string, delivered_seq: seq("delivered_seq"), delivered_at: at("delivered_at"), read_seq: seq("read_seq"), read_at: at("read_at"),
  };
}
