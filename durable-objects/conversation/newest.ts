// What a settle tells of messages beside the events: the newest one, and those that mention its recipient.
import { type Stay, visibleRange } from "../../domain/membership.ts";
import { bisect } from "../../domain/page.ts";
import { decidePreview } from "../../domain/inbox.ts";
import type { EventBody } from "../../protocol/events.ts";
import type { LastMessage } from "../../protocol/frames/inbox.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import { MENTIONS_KEPT } from "../../protocol/limits.ts";
import type { ConversationRecord } from "./records.ts";
import type { ConversationStore } from "./store.ts";
import { type Mention, readMentions, readMsgNo } from "./store/inbox.ts";

export class Newest {
  private readonly store: ConversationStore;
  private readonly record: Pick<ConversationRecord, "history" | "encryption">;
  /** Of one head and one run each: a round asks the same for every member. */
  private last: { head: number; message: LastMessage | null } = { head: 0, message: null };
  private mentions: { from: number; to: number; list: Mention[] } = { from: 1, to: 0, list: [] };

  constructor(store: ConversationStore, record: Pick<ConversationRecord, "history" | "encryption">) {
    this.store = store;
    this.record = record;
  }

  /** Something before the head has changed: what was read of it counts no more. */
  forget(): void {
    this.last = { head: 0, message: null };
  }

  /** The newest message up to `head` that a stay shows; null: there is none. */
  messageFor(stay: Stay, head: number): LastMessage | null {
    if (this.last.head !== head) this.last = { head, message: this.read(head) };
    const { message } = this.last;
    return message === null || message.seq < visibleRange(stay, this.record.history).from ? null : message;
  }

  /** Seqs of the messages of a run that mention a member, who has not sent them; the newest MENTIONS_KEPT. */
  mentionsOf(stay: Stay, from: number, head: number): number[] {
    const to = Math.min(head, visibleRange(stay, this.record.history).to);
    if (this.mentions.from !== from || this.mentions.to !== head) this.mentions = { from, to: head, list: readMentions(this.store.sql, from, head) };
    const { list } = this.mentions;
    return list.filter(({ seq, sender_id, users }) => seq >= stay.joined_seq && seq <= to && sender_id !== stay.user_id && users.includes(stay.user_id))
      .map(({ seq }) => seq).slice(-MENTIONS_KEPT);
  }

  /** Messages are counted by msg_no, so the newest one is found without an index however many reactions follow it. */
  private read(head: number): LastMessage | null {
    const msgNo = readMsgNo(this.store.sql, head) ?? 0;
    if (msgNo === 0) return null;
    const seq = bisect(1, head, (at) => (readMsgNo(this.store.sql, at) as number) >= msgNo);
    const row = this.store.readEvent(seq);
    if (row === null) return null;
    const change = this.store.messages.readChange(seq);
    const edit = change === null || change.edited_seq === null ? null : this.store.readEvent(change.edited_seq);
    const { body } = edit ?? row;
    const deleted = change !== null && change.deleted_seq !== null;
    return {
      seq, msg_id: row.msg_id, sender_id: row.sender_id, sent_at: sentAtOf(row.msg_id), content_type: row.content_type as LastMessage["content_type"],
      preview: body === null || deleted || this.record.encryption === "e2ee" ? null : decidePreview((JSON.parse(body) as EventBody<"msg" | "edit">).content),
      ...(deleted ? { deleted } : {}),
    };
  }
}
