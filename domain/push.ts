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
}

/** `drop`: what waits has lost its reason. */
export function decidePush(question: PushQuestion): "queue" | "drop" | "keep" {
  const { known_msg_no, head_msg_no, read_msg_no, muted, left, blocked, fresh, queued } = question;
  if (left || muted || read_msg_no >= head_msg_no) return queued ? "drop" : "keep";
  if (queued || fresh || blocked) return "keep";
  return head_msg_no > Math.max(known_msg_no, read_msg_no) ? "queue" : "keep";
}

/** A message that was committed to a conversation which writes no inboxes. `msg_no`: messages up to and including it. */
export interface Offered {
  seq: number;
  msg_no: number;
  sender_id: string;
  mentions: readonly string[];
}

/**
 * The seq that a member who is not there may be worth telling of: the first that mentions them, else the first of others if they
 * had read everything before it. Whoever was told of the first unread one is not told of the next. null: none.
 * @param readMsgNo messages that the member has read, or that were there before they joined
 */
export function decideOffer(userId: string, readMsgNo: number, messages: readonly Offered[]): number | null {
  const foreign = messages.filter(({ sender_id }) => sender_id !== userId);
  const mention = foreign.find(({ mentions }) => mentions.includes(userId));
  if (mention !== undefined) return mention.seq;
  const [first] = foreign;
  return first !== undefined && readMsgNo >= first.msg_no - 1 ? first.seq : null;
}
