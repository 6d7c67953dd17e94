// Rows of Cassandra as the archive knows them, and back.
import { types } from "cassandra-driver";
import type { EventRow, StoredRow } from "../rows.ts";
import { changedAt, CLOCK_COLUMNS, heldOf } from "./cassandra-holds.ts";
import type { LedgerEntry, RawRow } from "./store.ts";

export const COLUMNS = `message_id, bucket, seq, epoch, type, sender_id, created_at, client_msg_id, msg_no, content_type, content, status,
  ${CLOCK_COLUMNS}, body, salt, content_hash, TTL(seq) AS ttl_seq, TTL(status) AS ttl_status, TTL(body) AS ttl_body`;

/** Of what `proofRow` reads. */
export const PROOF = `message_id, seq, sender_id, status, ${CLOCK_COLUMNS}, body, salt, content_hash,
  TTL(seq) AS ttl_seq, TTL(status) AS ttl_status, TTL(body) AS ttl_body`;

export const LEDGER = "conversation_id, epoch, from_seq, to_seq, count, sha256, archived_at, chain_before, chain, first_id, last_id, pair";

export const numberOf = (value: unknown) => (value === null ? null : Number(value as bigint));

export function eventRow(row: types.Row): EventRow {
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

export function storedRow(row: types.Row): StoredRow {
  return {
    message_id: String(row["message_id"]),
    content: row["content"] as string | null,
    status: row["status"] as StoredRow["status"],
    changed_at: numberOf(changedAt(row)),
    event: row["seq"] === null ? null : eventRow(row),
    bucket: row["bucket"] as string,
    held: heldOf(row, ["seq", "status", "body"]),
  };
}

export function proofRow(row: types.Row, bucket: string): StoredRow {
  const proof = () => ({
    seq: Number(row["seq"] as bigint),
    sender_id: row["sender_id"] as string,
    body: row["body"] as string,
    salt: (row["salt"] as Buffer).toString("hex"),
    content_hash: (row["content_hash"] as Buffer).toString("hex"),
  });
  return {
    message_id: String(row["message_id"]),
    status: row["status"] as StoredRow["status"],
    changed_at: numberOf(changedAt(row)),
    event: row["seq"] === null ? null : proof(),
    bucket,
    held: heldOf(row, ["seq", "status", "body"]),
  };
}

/** In the order of the columns behind the key. */
export function ledgerValues({ count, sha256, archived_at, chain_before, chain, first_id, last_id, pair }: LedgerEntry): unknown[] {
  return [count, sha256, new Date(archived_at), ...[chain_before, chain, first_id, last_id, pair?.join(",")].map((value) => value ?? types.unset)];
}

export function ledgerEntry(row: types.Row): LedgerEntry {
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

export function rawRow(row: types.Row): RawRow {
  const text = (name: string) => row[name] as string | null;
  return {
    bucket: row["bucket"] as string, message_id: String(row["message_id"]),
    seq: numberOf(row["seq"]), epoch: row["epoch"] as number | null, type: text("type"), sender_id: text("sender_id"),
    created_at: (row["created_at"] as Date | null)?.getTime() ?? null, client_msg_id: text("client_msg_id"), msg_no: numberOf(row["msg_no"]),
    content_type: text("content_type"), content: text("content"), status: text("status"), changed_at: numberOf(changedAt(row)), body: text("body"),
    salt: (row["salt"] as Buffer | null)?.toString("hex") ?? null, content_hash: (row["content_hash"] as Buffer | null)?.toString("hex") ?? null,
  };
}
