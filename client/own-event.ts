// What was sent, as the event that it became: the sender's own socket gets an ack in its place.
import type { Conversation } from "./conversation.ts";
import type { StoredMessage } from "./outbox-store.ts";
import type { Ack } from "./sending.ts";
import type { ChatEvent } from "./timeline.ts";

/** null for a change whose message is not here, and for one that may have stood already: the event there is another sending's. */
export function eventOf(message: StoredMessage, { dup, ...envelope }: Ack & { sender_id: string; dup?: boolean | undefined }, conversation: Conversation | null): ChatEvent | null {
  const { type = "msg", client_msg_id, content, content_type, media_key, media, upload, reply_to, mentions, target_msg_id = "", emoji = "", on = true } = message;
  const { media_key: content_key = media_key, ...place } = envelope;
  const own = { ...place, client_msg_id };
  const more = mentions === undefined ? {} : { mentions };
  if (type === "msg") {
    // Type and size are what was announced: had it not been so, there would be no message.
    const about = upload === undefined ? media : { ...media, content_type: upload.content_type, size: upload.size };
    const file = content_key === undefined ? {} : { media_key: content_key, ...(about === undefined ? {} : { media: about }) };
    return { ...own, type, content, content_type, ...more, ...file, ...(reply_to === undefined ? {} : { reply_to }) };
  }
  const target_seq = conversation?.message(target_msg_id)?.seq;
  if (target_seq === undefined || dup === true) return null;
  const about = { ...own, target_msg_id, target_seq };
  if (type === "edit") return { ...about, type, content, ...more };
  return type === "delete" ? { ...about, type } : { ...about, type, emoji, on };
}
