// What a row says of itself: whether its fields belong together, and what of it is compared with other rows. Pure.
import { createHash } from "node:crypto";
import * as v from "valibot";
import { holdsContent } from "../../domain/erasure.ts";
import { canonicalJson } from "../../protocol/canonical.ts";
import { EVENT_BODIES, EVENT_TYPES, type EventType } from "../../protocol/events.ts";
import { clockOf, sentAtOf } from "../../protocol/msg-id.ts";
import { ERASED_SALT } from "../../protocol/segment.ts";
import type { RawRow } from "../stores/store.ts";

/** What is kept of a row while its neighbours are read: no content. */
export interface RowDigest {
  message_id: string;
  seq: number | null;
  content_hash: string | null;
  type: string | null;
  sender_id: string | null;
  client_msg_id: string | null;
  msg_no: number | null;
  /** The field that does not go with the others; null where all do. */
  wrong: string | null;
  /** The content is gone, by whatever. */
  erased: boolean;
}

/** What only the row of the edit or deletion can tell: the event whose clock is in `changed_at`, and what it should say. */
export interface Claim {
  message_id: string;
  seq: number | null;
  sender_id: string | null;
  status: "EDITED" | "DELETED";
  changed_at: number;
  content: string;
  /** Of an edit whose message was deleted: the message. */
  target: string;
}

export interface CheckedRow {
  digest: RowDigest;
  claim: Claim | null;
}

const HASH = /^[0-9a-f]{64}$/;

export function checkRow(row: RawRow, epochAt: (seq: number) => number): CheckedRow {
  const { message_id, seq, content_hash, type, sender_id, client_msg_id, msg_no } = row;
  const erased = row.salt === ERASED_SALT;
  const body = parse(row.body);
  const digest = { message_id, seq, content_hash, type, sender_id, client_msg_id, msg_no, erased, wrong: wrongField(row, body, erased, epochAt) };
  return { digest, claim: digest.wrong === null ? claimOf(row, body as Record<string, unknown>) : null };
}

function wrongField(row: RawRow, body: Record<string, unknown> | null, erased: boolean, epochAt: (seq: number) => number): string | null {
  const { seq, type, salt, content_hash } = row;
  if (seq === null || row.epoch === null) return seq === null ? "seq" : "epoch";
  if (row.epoch !== epochAt(seq)) return "epoch";
  if (type === null || !isType(type)) return "type";
  if (row.sender_id === null) return "sender_id";
  if (row.created_at !== sentAtOf(row.message_id)) return "created_at";
  if (content_hash === null || !HASH.test(content_hash)) return "content_hash";
  if (salt === null) return "salt";
  if (body === null || row.body === null || !v.is(EVENT_BODIES[type], body)) return "body";
  // What a deletion took has left a hash that nothing has any more.
  if (!erased && sha256(Buffer.from(salt, "hex"), row.body) !== content_hash) return "body";
  if (canonicalJson(body) !== row.body || (erased && "content" in body && body["content"] !== "")) return "body";
  if (type === "msg") return wrongShown(row, body);
  if (erased && (!holdsContent(type) || row.status !== "DELETED")) return "salt";
  return row.content_type === null ? null : "content_type";
}

/** The columns that repeat what the body says. */
function wrongShown({ message_id, content, content_type, status, changed_at, msg_no, salt }: RawRow, body: Record<string, unknown>): string | null {
  if (msg_no === null) return "msg_no";
  if (content_type !== body["content_type"]) return "content_type";
  if (status === "SENT") {
    if (content !== String(body["content"]).toWellFormed() || salt === ERASED_SALT) return "content";
    return changed_at === clockOf(message_id) ? null : "status";
  }
  if (changed_at === null || content === null) return "content";
  if (status === "DELETED") return content === "" ? null : "content";
  return status === "EDITED" && salt !== ERASED_SALT ? null : "status";
}

function claimOf({ message_id, seq, sender_id, type, status, changed_at, content, salt }: RawRow, body: Record<string, unknown>): Claim | null {
  const target = type === "edit" ? String(body["target_msg_id"]) : message_id;
  if (type === "edit" && salt !== ERASED_SALT) return null;
  if (changed_at === null || (status !== "EDITED" && status !== "DELETED")) return null;
  return { message_id, seq, sender_id, status, changed_at, content: content ?? "", target };
}

/** Does the event at a claim's clock say what the claim needs? */
export function bears(claim: Claim, event: Pick<RawRow, "type" | "body" | "message_id">): boolean {
  const body = parse(event.body);
  if (body === null || clockOf(event.message_id) !== claim.changed_at || body["target_msg_id"] !== claim.target) return false;
  return claim.status === "DELETED" ? event.type === "delete" : event.type === "edit" && String(body["content"]).toWellFormed() === claim.content;
}

function parse(text: string | null): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    // What is no JSON is no body: the caller names the field.
    return null;
  }
}

function isType(type: string): type is EventType {
  return (EVENT_TYPES as string[]).includes(type);
}

export function sha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
