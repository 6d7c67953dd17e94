// What never changes about an event, as one number: two views of a place are the same event if their numbers are.
import { hash } from "node:crypto";
import type { Shown } from "./journal.ts";

/** Bits of a double that count exactly: of a million events two differ unseen with a chance of one in nine thousand millions. */
const HEX = 13;

/** Content is left out: an edit or a deletion changes what is shown. So are the bodies that a deletion takes along. */
export function fingerprint(event: Shown): number {
  const { type, seq, msg_id, sender_id, sent_at, client_msg_id, msg_no, content_type, user_id, role, target_msg_id, target_seq, on } = event;
  const fixed = [type, seq, msg_id, sender_id, sent_at, client_msg_id ?? "", msg_no ?? 0, content_type ?? "", user_id ?? "", role ?? "", target_msg_id ?? "", target_seq ?? 0, on ?? ""];
  return Number.parseInt(hash("sha256", JSON.stringify(fixed), "hex").slice(0, HEX), 16);
}
