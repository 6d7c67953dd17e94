// Heads that this session has heard of and that will settle within seconds: what it tells of its conversations counts them at once.
import type { InboxRecord } from "./store.ts";

const HEADS_KEPT = 1_000;

export interface HeardHead {
  head_seq: number;
  head_msg_no: number;
  last_at: number;
}

export class Heads {
  private readonly byConversation = new Map<string, HeardHead>();

  heard(conversationId: string, head: HeardHead): void {
    const known = this.byConversation.get(conversationId);
    this.byConversation.delete(conversationId);
    this.byConversation.set(conversationId, {
      head_seq: Math.max(head.head_seq, known?.head_seq ?? 0),
      head_msg_no: Math.max(head.head_msg_no, known?.head_msg_no ?? 0),
      last_at: Math.max(head.last_at, known?.last_at ?? 0),
    });
    const oldest = this.byConversation.keys().next().value;
    if (this.byConversation.size > HEADS_KEPT && oldest !== undefined) this.byConversation.delete(oldest);
  }

  has(conversationId: string): boolean {
    return this.byConversation.has(conversationId);
  }

  over(row: InboxRecord): InboxRecord {
    const heard = this.byConversation.get(row.conversation_id);
    if (heard === undefined || heard.head_seq <= row.settled_seq) return row;
    return { ...row, settled_seq: heard.head_seq, head_msg_no: Math.max(heard.head_msg_no, row.head_msg_no), last_at: Math.max(heard.last_at, row.last_at) };
  }
}
