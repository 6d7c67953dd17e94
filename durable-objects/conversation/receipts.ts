// Receipts: merges what members say into their watermarks, stores all that have changed with one commit at most every
// receipts_every_ms, and tells the senders of what was passed. Nothing is told before it is stored.
import { type Stay, visibleRange } from "../../domain/membership.ts";
import { countMarks, covers, decideReceipt, type Marks, mergeMarks, type Move, planTold, type Told } from "../../domain/receipts.ts";
import type { CountStatusFrame, MemberStatusFrame, StatusFrame } from "../../protocol/frames/receipt.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import type { Result } from "../../protocol/rpc.ts";
import type { MessageReceipt, ReceiptMarks, ReceiptsCall } from "../../protocol/rpc/receipts.ts";
import { count } from "../platform/metrics.ts";
import { HandOver } from "./hand-over.ts";
import { MarksBook, type StayEntry } from "./marks.ts";
import type { NewEvent } from "./records.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";
import type { ReceiptsStore } from "./store/receipts.ts";
import type { Telling } from "./telling.ts";
import { ABSENT } from "./unwell.ts";

/** Members up to which senders are told of each one, beside the counts. */
const NAMED_MEMBERS = 100;
/** Newest messages that one flush looks at for whom to tell; of older ones senders ask. */
const TOLD_MESSAGES = 4_096;
/** Events at the head from which a wake learns how far senders have read; an append that goes further flushes at once. */
const IMPLIED_EVENTS = 1_000;
/** What a resuming device is told of: own messages, among this many events at the head. */
const RESUME_OWN = 20;
const RESUME_BEHIND = 200;

export interface ReceiptsPorts {
  everyMs(): number;
  now(): number;
  later(ms: number, run: () => void): void;
  telling: Telling;
  /** A member has everything up to here. */
  acknowledged(userId: string, delivered: number): void;
  /** Resolves when no delivery to this user is under way. */
  landed(userId: string): Promise<void>;
  /** Is a settle up to this seq still to begin? It will bring along how far its recipient has read. */
  settles(seq: number): boolean;
}

export class Receipts {
  /** Of watermarks to the archive. */
  readonly handOver = new HandOver(this);
  private readonly store: ConversationStore;
  private readonly rows: ReceiptsStore;
  private readonly state: ConversationState;
  private readonly ports: ReceiptsPorts;
  private book: MarksBook | null = null;
  private readonly dirty = new Set<StayEntry>();
  /** Whoever waits for the next flush. */
  private flushing: PromiseWithResolvers<void> | null = null;
  private flushedAt = 0;
  private flushedHead = 0;

  constructor(store: ConversationStore, rows: ReceiptsStore, state: ConversationState, ports: ReceiptsPorts) {
    this.store = store;
    this.rows = rows;
    this.state = state;
    this.ports = ports;
  }

  /** What a member says of what they have; answers once it is stored. */
  async take(stay: Stay, call: ReceiptsCall): Promise<Result<{ marks: ReceiptMarks }>> {
    count("receipts");
    const receipt = { delivered_seq: call.delivered_seq ?? 0, read_seq: call.read_seq ?? 0 };
    const from_seq = visibleRange(stay, this.state.record.history).from;
    if (decideReceipt(from_seq, this.state.head.seq, receipt) === "refuse") return { ok: false, code: "bad_receipt" };
    const entry = this.entryOf(stay);
    if (this.merge(entry, receipt)) this.dirty.add(entry);
    if (this.dirty.has(entry)) await this.flushed();
    // The object may have died between storing and telling, which is how an answer is lost.
    else if (call.again === true) this.tell([{ user_id: stay.user_id, before: shortOf(entry.marks, stay), after: entry.marks }]);
    // A settle that is on its way carries older watermarks: only what comes after it is sure to bring these.
    if (receipt.read_seq > 0) await this.ports.landed(stay.user_id);
    const { delivered_seq, read_seq, read_at } = entry.marks;
    return { ok: true, marks: { delivered_seq, read_seq, read_at, read_msg_no: this.msgNoAt(read_seq), from_seq, settles: this.ports.settles(read_seq) } };
  }

  /** Sending implies reading. In the turn of the append. */
  sent(stay: Stay, events: readonly NewEvent[]): void {
    const first = events[0] as NewEvent;
    const last = events.at(-1) as NewEvent;
    const entry = this.entryOf(stay);
    const before = entry.marks.read_seq;
    if (!this.merge(entry, { delivered_seq: 0, read_seq: last.seq })) return;
    // Of one's own messages nobody is told, so that alone is worth no commit: it goes with the next one.
    if (before < first.seq - 1 && this.rows.hasOthers(stay.user_id, before + 1, first.seq - 1)) {
      this.dirty.add(entry);
      if (last.seq - this.flushedHead > IMPLIED_EVENTS / 2) this.flush();
      else this.flushed().catch(() => undefined);
    }
  }

  /** What a settle brings to the member's inbox; null where they have read nothing yet. */
  readBy(stay: Stay): { seq: number; msg_no: number } | null {
    const { read_seq } = this.entryOf(stay).told;
    return read_seq < stay.joined_seq ? null : { seq: read_seq, msg_no: this.msgNoAt(read_seq) };
  }

  /** The same for who asks, where no settle is still to come that brings it. */
  readForGood(stay: Stay): { seq: number; msg_no: number } | null {
    const read = this.readBy(stay);
    return read === null || this.ports.settles(read.seq) ? null : read;
  }

  deliveredTo(stay: Stay): number {
    return this.entryOf(stay).marks.delivered_seq;
  }

  /** What each member has done with a message; null where it is none, or the asker does not see it. */
  ofMessage(stay: Stay, msgId: string): Result<{ receipts: MessageReceipt[] }> {
    const message = this.rows.readMessage(msgId, this.state.head.seq);
    const range = visibleRange(stay, this.state.record.history);
    if (message === null || message.seq < range.from || message.seq > range.to) return ABSENT;
    const sentAt = sentAtOf(message.msg_id);
    const receipts = this.covering(message.seq, message.sender_id).map(({ user_id, told }) => {
      const [status, at] = told.read_seq >= message.seq ? ["READ" as const, told.read_at]
        : told.delivered_seq >= message.seq ? ["DELIVERED" as const, told.delivered_at] : ["SENT" as const, sentAt];
      return { message_id: message.msg_id, user_id, status, updated_at: Math.max(at, sentAt) };
    });
    return { ok: true, receipts };
  }

  /** What a device that was away must learn: everybody's watermarks in a direct conversation, else what became of the newest own messages. */
  missed(stay: Stay): StatusFrame[] {
    if (this.state.record.kind === "direct") {
      return [...this.state.members.values()].flatMap((member) => this.marksFrames(this.entryOf(member), { delivered: member.user_id !== stay.user_id, read: true }));
    }
    const own = this.rows.readSentBy(stay.user_id, Math.max(stay.joined_seq, this.state.head.seq - RESUME_BEHIND), this.state.head.seq, RESUME_OWN);
    return own.map((message) => this.counts(message)).filter((frame) => frame.delivered > 0).toReversed();
  }

  /** Every stay's watermarks as they are stored, or as the events tell. */
  stored(): { stay: StayEntry; marks: Marks }[] {
    return [...this.opened().all()].map((stay) => ({ stay, marks: this.dirty.has(stay) ? stay.told : stay.marks }));
  }

  private merge(entry: StayEntry, receipt: { delivered_seq: number; read_seq: number }): boolean {
    const merged = mergeMarks(entry.marks, receipt, this.ports.now());
    if (merged === entry.marks) return false;
    entry.marks = merged;
    this.ports.acknowledged(entry.user_id, merged.delivered_seq);
    return true;
  }

  /** Resolves when everything up to now is stored. */
  private flushed(): Promise<void> {
    if (this.flushing !== null) return this.flushing.promise;
    const wait = this.flushedAt + this.ports.everyMs() - this.ports.now();
    // Also where the clock was set back.
    if (wait <= 0 || wait > this.ports.everyMs()) {
      this.flush();
      return Promise.resolve();
    }
    this.flushing = Promise.withResolvers();
    this.ports.later(wait, () => this.flushLater());
    return this.flushing.promise;
  }

  private flushLater(): void {
    const waiting = this.flushing;
    this.flushing = null;
    try {
      this.flush();
      waiting?.resolve();
    } catch (error) {
      waiting?.reject(error);
    }
  }

  private flush(): void {
    const moved = [...this.dirty];
    if (moved.length === 0) return;
    this.rows.commitPages((this.book as MarksBook).pagesOf(moved));
    const moves = moved.map(({ user_id, told, marks }) => ({ user_id, before: told, after: marks }));
    for (const entry of moved) entry.told = entry.marks;
    this.dirty.clear();
    this.flushedAt = this.ports.now();
    this.flushedHead = this.state.head.seq;
    count("receipt_flushes");
    this.tell(moves);
  }

  private tell(moves: readonly Move[]): void {
    const from = Math.min(...moves.map(({ before }) => Math.min(before.delivered_seq, before.read_seq))) + 1;
    const to = Math.max(...moves.map(({ after }) => after.delivered_seq));
    const bySender = new Map<string, number[]>();
    const ids = new Map<number, string>();
    for (const { seq, msg_id, sender_id } of this.rows.readSent(from, to, TOLD_MESSAGES)) {
      const sender = this.state.members.get(sender_id);
      // Who has left, or came back since, sees the message no more.
      if (sender === undefined || seq < visibleRange(sender, this.state.record.history).from) continue;
      const seqs = bySender.get(sender_id);
      if (seqs === undefined) bySender.set(sender_id, [seq]);
      else seqs.push(seq);
      ids.set(seq, msg_id);
    }
    for (const [sender, told] of planTold(moves, bySender)) {
      const counts = this.counts({ seq: told.newest_seq, msg_id: ids.get(told.newest_seq) as string, sender_id: sender });
      this.ports.telling.tell(sender, [...this.named(told), counts]);
    }
  }

  private named({ moves }: Told): MemberStatusFrame[] {
    if (this.state.members.size > NAMED_MEMBERS) return [];
    return moves.flatMap(({ move, delivered, read }) => this.marksFrames({ user_id: move.user_id, told: move.after }, { delivered, read }));
  }

  private marksFrames({ user_id, told }: Pick<StayEntry, "user_id" | "told">, which: { delivered: boolean; read: boolean }): MemberStatusFrame[] {
    const frame = (status: "DELIVERED" | "READ", up_to_seq: number, at: number): MemberStatusFrame =>
      ({ type: "status", conversation_id: this.state.record.conversation_id, user_id, up_to_seq, status, at });
    return [
      ...(which.delivered && told.delivered_at > 0 ? [frame("DELIVERED", told.delivered_seq, told.delivered_at)] : []),
      ...(which.read && told.read_at > 0 ? [frame("READ", told.read_seq, told.read_at)] : []),
    ];
  }

  private counts(message: { seq: number; msg_id: string; sender_id: string }): CountStatusFrame {
    const counted = countMarks(this.covering(message.seq, message.sender_id).map(({ told }) => told), message.seq);
    return { type: "status", conversation_id: this.state.record.conversation_id, msg_id: message.msg_id, seq: message.seq, ...counted };
  }

  /** The stays that count for a message: a leaver's watermarks stay as they were, and a joiner has none for what was before. */
  private covering(seq: number, senderId: string): StayEntry[] {
    // Nobody leaves a direct conversation.
    const departed = this.state.record.kind === "direct" ? [] : this.store.readDeparted(seq);
    return [...this.state.members.values(), ...departed]
      .filter((stay) => stay.user_id !== senderId && covers(stay, seq)).map((stay) => this.entryOf(stay));
  }

  private msgNoAt(seq: number): number {
    return seq === this.state.head.seq ? this.state.head.msg_no : this.rows.readMsgNo(seq);
  }

  private entryOf(stay: { user_id: string; joined_seq: number }): StayEntry {
    return this.opened().of(stay);
  }

  private opened(): MarksBook {
    if (this.book === null) {
      this.book = this.open();
      if (this.dirty.size > 0) this.flushed().catch(() => undefined);
    }
    return this.book;
  }

  /** What senders have read by sending is not stored for itself: the newest events tell. */
  private open(): MarksBook {
    const book = new MarksBook(this.rows);
    const { seq } = this.state.head;
    for (const newest of this.rows.readNewestBySender(Math.max(1, seq - IMPLIED_EVENTS), seq)) {
      const stay = this.state.members.get(newest.sender_id);
      if (stay === undefined || newest.seq < stay.joined_seq) continue;
      const entry = book.of(stay);
      const before = Math.max(entry.marks.read_seq + 1, seq - IMPLIED_EVENTS);
      entry.marks = mergeMarks(entry.marks, { delivered_seq: 0, read_seq: newest.seq }, sentAtOf(newest.msg_id));
      // The object died before it was stored.
      if (this.rows.hasOthers(stay.user_id, before, newest.seq - 1)) this.dirty.add(entry);
    }
    this.flushedHead = seq;
    return book;
  }
}

/** The same watermarks a little earlier, so that what they passed last is told again. */
function shortOf(marks: Marks, stay: Stay): Marks {
  const back = (seq: number) => Math.max(stay.joined_seq - 1, seq - RESUME_BEHIND);
  return { ...marks, delivered_seq: back(marks.delivered_seq), read_seq: back(marks.read_seq) };
}
