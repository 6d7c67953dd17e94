// Whether what happened in a conversation is to become a push notification for one of its members.

export interface PushQuestion {
  /** Messages that the user's row counted before. */
  known_msg_no: number;
  /** Messages that it counts now, and those of them that are read. */
  head_msg_no: number;
  read_msg_no: number;
  muted: boolean;
  left: boolean;
  /** Everything new is from people whom the user has blocked. */
  blocked: boolean;
  /** A device is there and heard of within its limit: it shows the message itself. A silent one gets the message as well. */
  fresh: boolean;
  /** One waits already. It speaks of everything unread, so a second one would say nothing more. */
  queued: boolean;
  /** A push has spoken of it before, sent or not. */
  told: boolean;
}

/** `drop`: what waits has lost its reason. */
export function decidePush(question: PushQuestion): "queue" | "drop" | "keep" {
  const { known_msg_no, head_msg_no, read_msg_no, muted, left, blocked, fresh, queued, told } = question;
  if (left || muted || read_msg_no >= head_msg_no) return queued ? "drop" : "keep";
  if (queued || fresh || blocked || told) return "keep";
  return head_msg_no > Math.max(known_msg_no, read_msg_no) ? "queue" : "keep";
}

/** A message that was committed to a conversation which writes no inboxes. `msg_no`: messages up to and including it. */
export interface Offered {
  seq: number;
  msg_no: number;
  sender_id: string;
  mentions: readonly string[];
}

/** What a member who is not there may be worth telling of: messages from `seq`, the newest that is worth it being `to_seq`. */
export interface Offer {
  seq: number;
  to_seq: number;
  /** Who has written it. Absent: it does not matter. */
  senders?: string[];
}

/**
 * Of a run of messages, oldest first: the first of others that the member has not read, if they had read everything before it, and
 * those that mention them. Whoever was told of the first unread one is not told of the next, so that it counts whoever wrote it.
 * null: nothing.
 * @param readMsgNo messages that the member has read, or that were there before they joined
 */
export function decideOffer(userId: string, readMsgNo: number, messages: readonly Offered[]): Offer | null {
  const unread = messages.filter(({ sender_id, msg_no }) => sender_id !== userId && msg_no > readMsgNo);
  const mentions = unread.filter((message) => message.mentions.includes(userId));
  const first = unread.slice(0, 1).filter(({ msg_no }) => readMsgNo >= msg_no - 1);
  const worth = [...first, ...mentions];
  if (worth.length === 0) return null;
  const seqs = worth.map(({ seq }) => seq);
  const range = { seq: Math.min(...seqs), to_seq: Math.max(...seqs) };
  return first.length > 0 ? range : { ...range, senders: [...new Set(mentions.map(({ sender_id }) => sender_id))] };
}
