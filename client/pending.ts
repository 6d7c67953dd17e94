// A message as it will be once this user's own changes are committed. Pure.
import { amended, type Change } from "./amend.ts";
import type { StoredMessage } from "./outbox-store.ts";
import type { Message } from "./timeline.ts";

/** @param changes waiting ones of this conversation, in the client's order */
export function withPending(message: Message, changes: readonly StoredMessage[], me: string): Message {
  return changes.filter((change) => change.target_msg_id === message.msg_id).reduce((shown, change) => {
    const event = changeOf(message, change, me);
    return event === null ? shown : amended(shown, event);
  }, message);
}

function changeOf({ conversation_id, epoch, seq, msg_id }: Message, change: StoredMessage, me: string): Change | null {
  const { type, content, created_at, emoji = "", on = true, mentions } = change;
  const about = { conversation_id, epoch, seq: seq + 1, msg_id, sender_id: me, sent_at: created_at, target_msg_id: msg_id, target_seq: seq };
  if (type === "edit") return { ...about, type, content, ...(mentions === undefined ? {} : { mentions }) };
  if (type === "delete") return { ...about, type };
  return type === "react" ? { ...about, type, emoji, on } : null;
}
