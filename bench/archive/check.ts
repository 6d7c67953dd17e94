// The check after a run: every row of the archive is read, counted and compared with what was sealed.
import { type Client, types } from "cassandra-driver";
import type { Expected } from "./backlog.ts";
import type { Fingerprint } from "./fingerprint.ts";

const FETCH = 2_000;
const QUERY = "SELECT conversation_id, message_id, seq, sender_id, client_msg_id, content, body, salt, content_hash FROM messages";

export interface Checked {
  rows: number;
  segments: number;
  /** Lines that say what is wrong; empty: the archive is exactly what was sealed. */
  problems: string[];
}

/** @param client in the archive's keyspace */
export async function checkArchive(client: Client, expected: readonly Expected[]): Promise<Checked> {
  const problems: string[] = [];
  const found = new Map<string, Fingerprint>(expected.map(({ conversation_id, fingerprint }) => [conversation_id, fingerprint.fresh()]));
  let rows = 0;
  const result = await client.execute(QUERY, [], { prepare: true, fetchSize: FETCH, consistency: types.consistencies.localQuorum, readTimeout: 60_000 });
  for await (const row of result) {
    rows += 1;
    const print = found.get(row["conversation_id"] as string);
    try {
      if (print === undefined) throw new Error("its conversation is none of the backlog's");
      print.add({
        seq: Number(row["seq"] as bigint), msg_id: String(row["message_id"]), sender_id: row["sender_id"] as string,
        client_msg_id: row["client_msg_id"] as string, content: row["content"] as string, body: row["body"] as string,
        salt: (row["salt"] as Buffer).toString("hex"), content_hash: (row["content_hash"] as Buffer).toString("hex"),
      });
    } catch (error) {
      problems.push(`row ${String(row["message_id"])}: ${(error as Error).message}`);
    }
  }
  for (const { conversation_id, fingerprint } of expected) {
    const print = found.get(conversation_id) as Fingerprint;
    if (!print.equals(fingerprint)) problems.push(`${conversation_id}: ${print.count} rows of ${fingerprint.count}, or another content`);
  }
  let segments = 0;
  for await (const row of await client.execute("SELECT count FROM segments", [], { prepare: true, fetchSize: FETCH })) segments += row["count"] === null ? 0 : 1;
  return { rows, segments, problems };
}
