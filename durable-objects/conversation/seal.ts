// From the order to the archive: plan, PUT, acknowledgement, pruning. A plan is committed before its PUT and retried exactly,
// so that a segment has one key and one hash whatever happens in between. No body goes before the archive has it.
import { bisect } from "../../domain/page.ts";
import { coldBefore, decideArchived, decideLookDue, decidePruneTo, decideSealDue, planSegment, SEGMENT_EVENTS } from "../../domain/sealing.ts";
import type { ArchiveAck, ArchiveAcked, ArchiveWrong, ArchiveWrongAnswer } from "../../protocol/archive.ts";
import { firstMsgIdOf, sentAtOf } from "../../protocol/msg-id.ts";
import type { Result } from "../../protocol/rpc.ts";
import { directPair } from "../../protocol/ids.ts";
import { encodeSegment, SEGMENT_FORMAT, type SegmentEvent, type SegmentHead, segmentKey, segmentMetadata } from "../../protocol/segment.ts";
import type { Settings } from "../../protocol/settings.ts";
import { log } from "../../log/log.ts";
import { sha256Hex } from "../platform/hash.ts";
import { count } from "../platform/metrics.ts";
import { contentHash } from "./encode.ts";
import { isErased } from "./erasure.ts";
import { Chain } from "./chain.ts";
import { toSegmentEvent } from "./segment-line.ts";
import type { SegmentRecord } from "./records.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";

/** Bodies that one commit blanks, and commits of one alarm. */
const PRUNE_STEP = 500;
const PRUNE_STEPS = 20;
/** A deletion of something that the archive has is sealed this long after it at the latest: a moderator deletes more than one. */
const DELETION_MS = 10_000;

export interface SegmentBucket {
  put(key: string, ndjson: string, metadata: Record<string, string>): Promise<void>;
  /** Whether an object lies there that says of itself that it is this text. Its bytes are not read. */
  holds(key: string, sha256: string): Promise<boolean>;
}

export interface SealPorts {
  /** null: this deployment has no archive, and nothing is sealed. */
  bucket: SegmentBucket | null;
  settings(): Settings;
  now(): number;
  /** Up to where search knows the words of what is pruned. Absent: nothing waits for it. */
  prunableSeq?(): number;
}

export class Sealing {
  private readonly store: ConversationStore;
  private readonly state: ConversationState;
  private readonly ports: SealPorts;
  readonly chain: Chain;
  private segments: SegmentRecord[];
  private deletion: { sealed: number; at: number | null } | null = null;
  private oldest: { seq: number; at: number } | null = null;

  constructor(store: ConversationStore, state: ConversationState, ports: SealPorts) {
    this.store = store;
    this.state = state;
    this.ports = ports;
    this.segments = store.readSegments();
    this.chain = new Chain(store, state);
  }

  /** The last seq that a plan covers. */
  get sealedSeq(): number {
    return this.segments.at(-1)?.to_seq ?? this.state.marks.archived_seq;
  }

  sealDue(now: number): number | null {
    if (this.ports.bucket === null) return null;
    if (this.segments.some((segment) => !segment.put)) return now;
    const dues = [this.planDue(now), ...this.segments.map((segment) => this.lookDue(segment, now))].filter((due) => due !== null);
    return dues.length === 0 ? null : Math.min(...dues);
  }

  private lookDue(segment: SegmentRecord, now: number): number | null {
    return !segment.put || segment.acked ? null : decideLookDue(segment, this.ports.settings().reseal_after_ms, now);
  }

  /** When the chain is to catch up with what was sealed without one. */
  chainDue(now: number): number | null {
    return this.ports.bucket !== null && this.chain.seq < this.sealedSeq ? now : null;
  }

  catchUpChain(): void {
    this.chain.catchUp(this.sealedSeq);
  }

  private planDue(now: number): number | null {
    // Every segment planned from here on carries the chain.
    if (this.chain.seq < this.sealedSeq) return null;
    const rule = this.ports.settings();
    const due = decideSealDue(this.state.head.seq - this.sealedSeq, this.oldestWaiting(), rule, now);
    const deletion = this.waitingDeletion();
    // What the archive has of a deleted message goes when the deletion gets there: that waits for no day to end.
    return due === null || deletion === null ? due : Math.min(due, deletion + Math.min(rule.seal_after_ms, DELETION_MS));
  }

  /** ms of the oldest deletion that no plan covers, of something that one does. */
  private waitingDeletion(): number | null {
    const sealed = this.sealedSeq;
    if (this.deletion?.sealed !== sealed) {
      const msgId = this.store.messages.readWaitingDeletion(sealed);
      this.deletion = { sealed, at: msgId === null ? null : sentAtOf(msgId) };
    }
    return this.deletion.at;
  }

  /**
   * Within the commit that takes the content of these events: a segment that holds them and is not acknowledged is planned
   * anew and put again over the same key. What the archive has read of the old one it can't acknowledge any more.
   */
  erased(seqs: readonly number[]): void {
    this.deletion = null;
    for (const segment of this.segments) {
      if (segment.acked || !seqs.some((seq) => seq >= segment.from_seq && seq <= segment.to_seq)) continue;
      this.planAnew(segment, segment.looks);
    }
  }

  private planAnew(segment: SegmentRecord, looks: number): void {
    const sha256 = sha256Hex(this.encode(segment.from_seq, segment.to_seq));
    this.store.commitSegmentAnew(segment.from_seq, sha256, looks);
    Object.assign(segment, { sha256, put: false, wrong: false, looks });
  }

  /** What is in the bucket may be another text than what was planned. @returns how many segments are put again */
  putAllAgain(): number {
    const waiting = this.segments.filter((segment) => !segment.acked);
    for (const segment of waiting) this.planAnew(segment, segment.looks);
    return waiting.length;
  }

  /** Segments that are planned and not in the bucket yet. */
  get unput(): number {
    return this.segments.filter((segment) => !segment.put).length;
  }

  /** ms of the oldest event that no plan covers: asked with every append, so read once per segment. */
  private oldestWaiting(): number | null {
    const seq = this.sealedSeq + 1;
    if (this.oldest?.seq !== seq) {
      const msgId = this.store.readMsgId(seq);
      this.oldest = msgId === null ? null : { seq, at: sentAtOf(msgId) };
    }
    return this.oldest?.at ?? null;
  }

  /** Puts what is planned, plans what is due and looks after what waits long, one segment after the other. */
  async seal(): Promise<void> {
    const isDue = (due: number | null) => due !== null && due <= this.ports.now();
    for (;;) {
      // Asked anew each time: acknowledged meanwhile, its bodies may be gone; erased from meanwhile, it is to be put again.
      const planned = this.segments.find((segment) => !segment.put);
      if (planned !== undefined) {
        await this.putSegment(planned);
      } else if (isDue(this.planDue(this.ports.now()))) {
        const { segment, ndjson } = this.plan();
        await this.putSegment(segment, ndjson);
      } else {
        const waiting = this.segments.find((segment) => isDue(this.lookDue(segment, this.ports.now())));
        if (waiting === undefined) return;
        await this.look(waiting);
      }
    }
  }

  /** Nobody has acknowledged it for long, or an archiver found it wrong: what is not there as it was sealed is put again. */
  private async look(segment: SegmentRecord): Promise<void> {
    const { bucket } = this.ports;
    if (bucket === null) return;
    const head = this.headOf(segment);
    const held = !segment.wrong && (await bucket.holds(keyOf(head), head.sha256));
    // Acknowledged, or erased from, while the bucket was asked.
    if (segment.acked || !segment.put || !this.segments.includes(segment)) return;
    const looks = segment.looks + 1;
    if (held && !segment.wrong) {
      segment.put_at = this.ports.now();
      segment.looks = looks;
      this.store.commitSegmentLook(segment.from_seq, segment.put_at, looks);
      return;
    }
    count("segments_put_again");
    log("warn", "segment_put_again", { conversation_id: head.conversation_id, from_seq: head.from_seq, to_seq: head.to_seq, why: segment.wrong ? "wrong" : "lost" });
    this.planAnew(segment, segment.wrong ? segment.looks : looks);
  }

  private plan(): { segment: SegmentRecord; ndjson: string } {
    const from_seq = this.sealedSeq + 1;
    const to_seq = from_seq + planSegment(this.store.readSizes(from_seq, SEGMENT_EVENTS)) - 1;
    const events = this.events(from_seq, to_seq);
    const ndjson = encodeSegment(events);
    const segment = { from_seq, to_seq, sha256: sha256Hex(ndjson), put: false, acked: false, put_at: 0, looks: 0, wrong: false, reports: 0 };
    this.store.sql.transaction(() => {
      this.store.commitSegmentPlan(segment);
      this.chain.commit(events);
    });
    this.segments.push(segment);
    return { segment, ndjson };
  }

  private async putSegment(segment: SegmentRecord, ndjson = this.encode(segment.from_seq, segment.to_seq)): Promise<void> {
    if (this.ports.bucket === null) return;
    const head = this.headOf(segment);
    await this.ports.bucket.put(keyOf(head), ndjson, segmentMetadata(head));
    // A deletion came while the PUT was under way: what is in the bucket now must not stay.
    if (segment.sha256 !== head.sha256) return;
    Object.assign(segment, { put: true, put_at: this.ports.now() });
    // The acknowledgement may have come and gone while the PUT's answer was under way.
    if (this.segments.includes(segment)) this.store.commitSegmentPut(segment.from_seq, segment.put_at);
    count("segments_sealed");
    log("info", "segment_sealed", { conversation_id: head.conversation_id, from_seq: head.from_seq, to_seq: head.to_seq });
  }

  private encode(from: number, to: number): string {
    return encodeSegment(this.events(from, to));
  }

  private events(from: number, to: number): SegmentEvent[] {
    return this.store.readRange(from, to, to - from + 1, "asc").map((row) => toSegmentEvent(this.store, this.state.record, row));
  }

  private headOf(segment: SegmentRecord): SegmentHead {
    const { conversation_id, epoch, kind } = this.state.record;
    const { from_seq, to_seq, sha256 } = segment;
    const [first = "", second = first] = this.state.members.keys();
    return {
      conversation_id, epoch, from_seq, to_seq, count: to_seq - from_seq + 1, sha256, format: SEGMENT_FORMAT,
      ...this.chain.ends(from_seq, to_seq), ...(kind === "direct" ? { pair: directPair(first, second) } : {}),
    };
  }

  /** The archive has a segment and has read it back. The same acknowledgement may come again. */
  acknowledged(ack: ArchiveAck): Result<ArchiveAcked> {
    const { marks } = this.state;
    if (ack.epoch !== this.state.record.epoch) return { ok: false, code: "archive_conflict" };
    if (ack.to_seq <= marks.archived_seq) return { ok: true, archived_seq: marks.archived_seq };
    const segment = this.segments.find((planned) => planned.from_seq === ack.from_seq);
    if (segment === undefined || segment.to_seq !== ack.to_seq) return { ok: false, code: "archive_conflict" };
    if (segment.sha256 !== ack.sha256) {
      // A PUT of a life before, from before a deletion, may have arrived after the one that replaced it.
      this.markWrong(segment);
      return { ok: false, code: "archive_conflict" };
    }
    if (!segment.acked) {
      this.store.commitSegmentAcked(segment.from_seq);
      Object.assign(segment, { put: true, acked: true });
      count("segments_archived");
    }
    const archived = decideArchived(marks.archived_seq, this.segments);
    if (archived > marks.archived_seq) {
      this.store.commitArchived(archived, this.state.tally());
      marks.archived_seq = archived;
      this.segments = this.segments.filter((planned) => planned.to_seq > archived);
    }
    return { ok: true, archived_seq: marks.archived_seq };
  }

  /** What lies in the bucket can't be archived. While the archive has it not, its bodies are all here. */
  reportedWrong(report: ArchiveWrong): Result<ArchiveWrongAnswer> {
    if (report.epoch !== this.state.record.epoch) return { ok: false, code: "archive_conflict" };
    if (report.to_seq <= this.state.marks.archived_seq) return { ok: true, put_again: false };
    const segment = this.segments.find((planned) => planned.from_seq === report.from_seq && planned.to_seq === report.to_seq);
    if (segment === undefined) return { ok: false, code: "archive_conflict" };
    this.markWrong(segment);
    return { ok: true, put_again: !segment.acked };
  }

  private markWrong(segment: SegmentRecord): void {
    if (segment.acked || segment.wrong || !segment.put) return;
    segment.reports += 1;
    this.store.commitSegmentWrong(segment.from_seq, segment.reports);
    segment.wrong = true;
  }

  /** The archive has what is up to here, and search its words. */
  private get prunable(): number {
    return Math.min(this.state.marks.archived_seq, this.ports.prunableSeq?.() ?? Number.POSITIVE_INFINITY);
  }

  /** When the oldest body that the archive has may go; null while there is none. */
  pruneDue(now: number): number | null {
    const rule = this.ports.settings();
    const next = this.state.marks.pruned_seq + 1;
    if (next > Math.min(this.prunable, this.state.head.seq - rule.hot_events)) return null;
    const oldest = this.store.readMsgId(next);
    return oldest === null ? null : Math.max(now, sentAtOf(oldest) + rule.hot_days * 86_400_000);
  }

  /** Blanks the bodies that have left the hot window, never above archived_seq. */
  prune(now: number): void {
    const { marks, head } = this.state;
    const rule = this.ports.settings();
    const cold = firstMsgIdOf(coldBefore(rule, now));
    const lastCold = bisect(marks.pruned_seq + 1, marks.archived_seq, (seq) => (this.store.readMsgId(seq) as string) >= cold) - 1;
    const target = decidePruneTo(this.prunable, head.seq, lastCold, rule);
    // A long backlog goes in several alarms: the rest is due again at once.
    for (let step = 0; step < PRUNE_STEPS && marks.pruned_seq < target; step += 1) {
      const to = Math.min(target, marks.pruned_seq + PRUNE_STEP);
      const hashes = this.store.readRange(marks.pruned_seq + 1, to, PRUNE_STEP, "asc").filter((row) => !isErased(row)).map((row) => ({
        seq: row.seq, content_hash: Uint8Array.from(Buffer.from(contentHash(this.state.record, row), "hex")),
      }));
      this.store.commitPruned(to, hashes);
      count("events_pruned", to - marks.pruned_seq);
      marks.pruned_seq = to;
    }
  }
}

function keyOf({ conversation_id, epoch, from_seq, to_seq }: SegmentHead): string {
  return segmentKey(sha256Hex(conversation_id).slice(0, 2), conversation_id, epoch, from_seq, to_seq);
}
