// What this session has heard of and that will settle within seconds, heads and reading: what it tells of its conversations counts it at once.
import type { InboxRecord } from "./store.ts";

const HEADS_KEPT = 1_000;

export interface HeardHead {
  head_seq: number;
  head_msg_no: number;
  last_at: number;
}

type Heard = HeardHead & { read_seq: number; read_msg_no: number };

const NOTHING: Heard = { head_seq: 0, head_msg_no: 0, last_at: 0, read_seq: 0, read_msg_no: 0 };

export class Heads {
  private readonly byConversation = new Map<string, Heard>();

  heard(conversationId: string, head: HeardHead): void {
    const known = this.byConversation.get(conversationId) ?? NOTHING;
    this.keep(conversationId, {
      ...known, head_seq: Math.max(head.head_seq, known.head_seq), head_msg_no: Math.max(head.head_msg_no, known.head_msg_no), last_at: Math.max(head.last_at, known.last_at),
    });
  }

  /** The conversation was restored: its seqs may have gone back. */
  forget(conversationId: string): void {
    this.byConversation.delete(conversationId);
  }

  /** False where as much was known to be read before. */
  read(conversationId: string, { read_seq, read_msg_no }: { read_seq: number; read_msg_no: number }): boolean {
    const known = this.byConversation.get(conversationId) ?? NOTHING;
    if (read_seq <= known.read_seq) return false;
    this.keep(conversationId, { ...known, read_seq, read_msg_no });
    return true;
  }

  /** A seq that is surely there; 0 where nothing is known. */
  headOf(conversationId: string): number {
    return this.byConversation.get(conversationId)?.head_seq ?? 0;
  }

  private keep(conversationId: string, heard: Heard): void {
    this.byConversation.delete(conversationId);
    this.byConversation.set(conversationId, heard);
    const oldest = this.byConversation.keys().next().value;
    if (this.byConversation.size > HEADS_KEPT && oldest !== undefined) this.byConversation.delete(oldest);
  }

  has(conversationId: string): boolean {
    return this.byConversation.has(conversationId);
  }

  over(row: InboxRecord): InboxRecord {
    const heard = this.byConversation.get(row.conversation_id);
    if (heard === undefined || (heard.head_seq <= row.settled_seq && heard.read_seq <= row.read_seq)) return row;
    const { read_seq, read_msg_no } = heard;
    const read = read_seq > row.read_seq ? { ...row, read_seq, read_msg_no, mentions: row.mentions.filter((seq) => seq > read_seq) } : row;
    if (heard.head_seq <= row.settled_seq) return read;
    return { ...read, settled_seq: heard.head_seq, head_msg_no: Math.max(heard.head_msg_no, row.head_msg_no), last_at: Math.max(heard.last_at, row.last_at) };
  }
}
