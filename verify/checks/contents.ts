// Everything that anybody was shown of a message is what was sent: byte for byte, by that sender, in that conversation.
import { type Journal, keyOf, type Sending, type Shown } from "../journal.ts";
import type { Violations } from "../violation.ts";

export function checkContents(journal: Journal, violations: Violations): void {
  for (const { by, event } of journal.sights) checkEvent(journal, violations, by, event);
  for (const { user_id, order, events } of journal.readings) {
    for (const event of events) checkEvent(journal, violations, `${user_id} ${order}`, event);
  }
}

function checkEvent(journal: Journal, violations: Violations, by: string, event: Shown): void {
  if (event.type !== "msg") return;
  const where = `seq ${event.seq} of ${journal.labelOf(event.conversation_id) ?? event.conversation_id}`;
  const sending = journal.sendings.get(keyOf(event.sender_id, event.client_msg_id ?? ""));
  if (sending === undefined) {
    violations.add("changed", `${where} is a message that nobody sent`, [`shown to ${by}`, JSON.stringify(event).slice(0, 300)]);
    return;
  }
  const wrong = difference(journal, sending, event);
  if (wrong !== null) violations.add("changed", `${sending.key} at ${where}: ${wrong}`, [`shown to ${by}`, ...journal.story(sending)]);
}

function difference(journal: Journal, { message, acks }: Sending, event: Shown): string | null {
  const id = journal.idOf(message.conversation.label);
  if (id !== event.conversation_id) return `it was sent to ${message.conversation.label} (${id ?? "unknown"})`;
  if (event.content !== message.content) return `the content has ${event.content?.length ?? 0} characters, ${contentDiffers(message.content, event.content ?? "")}`;
  if (event.content_type !== message.content_type) return `content_type ${event.content_type} instead of ${message.content_type}`;
  const ack = acks.find(({ msg_id }) => msg_id === event.msg_id);
  if (ack !== undefined && ack.sent_at !== event.sent_at) return `sent_at ${event.sent_at}, acknowledged with ${ack.sent_at}`;
  return null;
}

function contentDiffers(sent: string, shown: string): string {
  let at = 0;
  while (at < sent.length && sent[at] === shown[at]) at += 1;
  return `and differs from character ${at} on: ${JSON.stringify(shown.slice(at, at + 20))} instead of ${JSON.stringify(sent.slice(at, at + 20))}`;
}
