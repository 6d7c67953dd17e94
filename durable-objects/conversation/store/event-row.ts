// An event's row, as all stores of a conversation read it.
import type { EventType } from "../../../protocol/events.ts";
import type { Row } from "../../platform/sql.ts";
import type { EventRecord, ShownRecord } from "../records.ts";

export const EVENT_COLUMNS = "seq, msg_id, msg_no, type, sender_id, client_msg_id, device_id, content_type, body, salt, content_hash, target_seq";

/** What a reader is shown of an event comes from these. */
export const SHOWN_COLUMNS = "seq, msg_id, msg_no, type, sender_id, client_msg_id, body, content_hash, target_seq";

/** @param values in the order of SHOWN_COLUMNS */
export function toShownRecord([seq, msg_id, msg_no, type, sender_id, client_msg_id, body, content_hash, target_seq]: readonly unknown[]): ShownRecord {
  return {
    seq: seq as number,
    msg_id: msg_id as string,
    msg_no: msg_no as number,
    type: type as EventType,
    sender_id: sender_id as string,
    client_msg_id: client_msg_id as string | null,
    body: body as string | null,
    content_hash: content_hash === null ? null : bytes(content_hash),
    target_seq: target_seq as number | null,
  };
}

export function toEventRecord(row: Row): EventRecord {
  return {
    seq: row["seq"] as number,
    msg_id: row["msg_id"] as string,
    msg_no: row["msg_no"] as number,
    type: row["type"] as EventType,
    sender_id: row["sender_id"] as string,
    client_msg_id: row["client_msg_id"] as string | null,
    device_id: row["device_id"] as string | null,
    content_type: row["content_type"] as string | null,
    body: row["body"] as string | null,
    salt: row["salt"] === null ? null : bytes(row["salt"]),
    content_hash: row["content_hash"] === null ? null : bytes(row["content_hash"]),
    target_seq: row["target_seq"] as number | null,
  };
}

/** An object's storage gives ArrayBuffers, node:sqlite gives Uint8Arrays. */
export function bytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(value as ArrayBuffer);
}
