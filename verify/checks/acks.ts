// Acknowledgements among themselves: one key has one answer for life, and one place has one message.
import { type Ack, type Journal, keyOf, type Sending } from "../journal.ts";
import type { Violations } from "../violation.ts";

/** One that just came, before it is written down. */
export function checkAck(journal: Journal, violations: Violations, userId: string, clientMsgId: string, ack: Ack): void {
  const key = keyOf(userId, clientMsgId);
  const sending = journal.sendings.get(key);
  const old = sending?.old ?? journal.keys.find(userId, clientMsgId);
  if (sending === undefined && old === null) {
    violations.add("regressed", `${ack.by} got an ack for ${clientMsgId}, which was never sent`, [JSON.stringify(ack)]);
    return;
  }
  const label = journal.labelOf(ack.conversation_id);
  if (old !== null && (old.seq !== ack.seq || (label !== undefined && label !== old.label))) {
    violations.add("duplicate", `${key} stands at seq ${old.seq} of ${old.label} since long, and was given seq ${ack.seq} of ${label ?? ack.conversation_id}`, sending === undefined ? [JSON.stringify(ack)] : [...journal.story(sending), JSON.stringify(ack)]);
  }
  const first = sending?.acks[0];
  if (sending === undefined || first === undefined) return;
  const field = difference(first, ack);
  if (field !== null) violations.add("regressed", `${key} was acknowledged with ${field}`, [...journal.story(sending), JSON.stringify(ack)]);
  if (ack.seq !== first.seq && ack.conversation_id === first.conversation_id) {
    violations.add("duplicate", `${key} was given seq ${first.seq} and seq ${ack.seq}`, [...journal.story(sending), JSON.stringify(ack)]);
  }
}

/** All of a window: no two messages in one place, and each in the conversation that it was sent to. */
export function checkPlaces(journal: Journal, violations: Violations): void {
  const byPlace = new Map<string, Sending>();
  for (const sending of journal.sendings.values()) {
    const [first] = sending.acks;
    if (first === undefined) continue;
    const { label } = sending.message.conversation;
    const id = journal.idOf(label);
    if (id !== first.conversation_id) violations.add("order", `${label} is ${id ?? "unknown"} and ${first.conversation_id}`, journal.story(sending));
    for (const seq of new Set(sending.acks.map((ack) => ack.seq))) {
      const place = `${first.conversation_id} ${seq}`;
      const holder = byPlace.get(place) ?? sending;
      byPlace.set(place, holder);
      if (holder !== sending) {
        violations.add("order", `${holder.key} and ${sending.key} were both given seq ${seq} of ${label}`, [...journal.story(holder), ...journal.story(sending)]);
      }
    }
  }
}

function difference(a: Ack, b: Ack): string | null {
  for (const field of ["conversation_id", "epoch", "seq", "msg_id", "sent_at"] as const) {
    if (a[field] !== b[field]) return `${field} ${a[field]}, and later with ${b[field]}`;
  }
  return null;
}
