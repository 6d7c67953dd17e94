// Acknowledgements among themselves: one key has one answer for life, and one place has one message.
import type { Ack, Journal, Sending } from "../journal.ts";
import type { Violations } from "../violation.ts";

export function checkAcks(journal: Journal, violations: Violations): void {
  const byPlace = new Map<string, Sending>();
  for (const sending of journal.sendings.values()) {
    const [first, ...others] = sending.acks;
    if (first === undefined) continue;
    for (const other of others) {
      const field = difference(first, other);
      if (field !== null) violations.add("regressed", `${sending.key} was acknowledged with ${field}`, journal.story(sending));
      if (other.seq !== first.seq && other.conversation_id === first.conversation_id) {
        violations.add("duplicate", `${sending.key} was given seq ${first.seq} and seq ${other.seq}`, journal.story(sending));
      }
    }
    const id = journal.idOf(sending.message.conversation.label);
    if (id !== first.conversation_id) violations.add("order", `${sending.message.conversation.label} is ${id ?? "unknown"} and ${first.conversation_id}`, journal.story(sending));
    for (const seq of new Set(sending.acks.map((ack) => ack.seq))) {
      const place = `${first.conversation_id} ${seq}`;
      const holder = byPlace.get(place) ?? sending;
      byPlace.set(place, holder);
      if (holder !== sending) {
        violations.add("order", `${holder.key} and ${sending.key} were both given seq ${seq} of ${sending.message.conversation.label}`, [...journal.story(holder), ...journal.story(sending)]);
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
