// From the order to the archive: plan, PUT, acknowledgement, pruning. A plan is committed before its PUT and retried exactly,
// so that a segment has one key and one hash whatever happens in between. No body goes before the archive has it.
import { bisect } from "../../domain/page.ts";
import { coldBefore, decideArchived, decidePruneTo, decideSealDue, planSegment, SEGMENT_EVENTS } from "../../domain/sealing.ts";
import type { ArchiveAck, ArchiveAcked } from "../../protocol/archive.ts";
import { firstMsgIdOf, sentAtOf } from "../../protocol/msg-id.ts";
import type { Result } from "../../protocol/rpc.ts";
import { encodeSegment, SEGMENT_FORMAT, type SegmentHead, segmentKey, segmentMetadata } from "../../protocol/segment.ts";
import type { Settings } from "../../protocol/settings.ts";
import { log } from "../../log/log.ts";
import { sha256Hex } from "../platform/hash.ts";
import { count } from "../platform/metrics.ts";
import { contentHash } from "./encode.ts";
import { isErased } from "./erasure.ts";
import { toSegmentEvent } from "./segment-line.ts";
import type { SegmentRecord } from "./records.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";

/** Bodies that one commit blanks, and commits of one alarm. */
const PRUNE_STEP = 500;
const PRUNE_STEPS = 20;
/** A deletion of something that the archive has is sealed this long after it at the latest: a moderator deletes more than one. */
const DELETION_MS = 10_000;
/** Between PUTs of a segment whose acknowledgement has another hash. */
const PUT_AGAIN_MS = 10_000;

export interface SealPorts {
  /** null: this deployment has no archive, and nothing is sealed. */
  put: ((key: string, ndjson: string, metadata: Record<string, string>) => Promise<void>) | null;
  settings(): Settings;
  now(): number;
}

export class Sealing {
  private readonly store: ConversationStore;
  private readonly state: ConversationState;
  private readonly ports: SealPorts;
  private segments: SegmentRecord[];
  private deletion: { sealed: number; at: number | null } | null = null;
  /** ms of the last PUT of each segment in this life. */
  private readonly putAt = new WeakMap<SegmentRecord, number>();
  private oldest: { seq: number; at: number } | null = null;

  constructor(store: ConversationStore, state: ConversationState, ports: SealPorts) {
    this.store = store;
    this.state = state;
    this.ports = ports;
    this.segments = store.readSegments();
  }

  /** The last seq that a plan covers. */
  get sealedSeq(): number {
    return this.segments.at(-1)?.to_seq ?? this.state.marks.archived_seq;
  }

  sealDue(now: number): number | null {
    if (this.ports.put === null) return null;
    return this.segments.some((segment) => !segment.put) ? now : this.planDue(now);
  }

  private planDue(now: number): number | null {
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
      const sha256 = sha256Hex(this.encode(segment.from_seq, segment.to_seq));
      this.store.commitSegmentAnew(segment.from_seq, sha256);
      Object.assign(segment, { sha256, put: false });
    }
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

  /** Puts what is planned and plans what is due, one segment after the other. */
  async seal(): Promise<void> {
    for (;;) {
      // Asked anew each time: acknowledged meanwhile, its bodies may be gone; erased from meanwhile, it is to be put again.
      const planned = this.segments.find((segment) => !segment.put);
      if (planned !== undefined) await this.putSegment(planned);
      else if ((this.planDue(this.ports.now()) ?? Number.POSITIVE_INFINITY) > this.ports.now()) return;
      else {
        const { segment, ndjson } = this.plan();
        await this.putSegment(segment, ndjson);
      }
    }
  }

  private plan(): { segment: SegmentRecord; ndjson: string } {
    const from_seq = this.sealedSeq + 1;
    const to_seq = from_seq + planSegment(this.store.readSizes(from_seq, SEGMENT_EVENTS)) - 1;
    const ndjson = this.encode(from_seq, to_seq);
    const segment = { from_seq, to_seq, sha256: sha256Hex(ndjson), put: false, acked: false };
    this.store.commitSegmentPlan(segment);
    this.segments.push(segment);
    return { segment, ndjson };
  }

  private async putSegment(segment: SegmentRecord, ndjson = this.encode(segment.from_seq, segment.to_seq)): Promise<void> {
    if (this.ports.put === null) return;
    const head = this.headOf(segment);
    const shard = sha256Hex(head.conversation_id).slice(0, 2);
    await this.ports.put(segmentKey(shard, head.conversation_id, head.epoch, head.from_seq, head.to_seq), ndjson, segmentMetadata(head));
    // A deletion came while the PUT was under way: what is in the bucket now must not stay.
    if (segment.sha256 !== head.sha256) return;
    segment.put = true;
    this.putAt.set(segment, this.ports.now());
    // The acknowledgement may have come and gone while the PUT's answer was under way.
    if (this.segments.includes(segment)) this.store.commitSegmentPut(segment.from_seq);
    count("segments_sealed");
    log("info", "segment_sealed", { conversation_id: head.conversation_id, from_seq: head.from_seq, to_seq: head.to_seq });
  }

  private encode(from: number, to: number): string {
    return encodeSegment(this.store.readRange(from, to, to - from + 1, "asc").map((row) => toSegmentEvent(this.store, this.state.record, row)));
  }

  private headOf(segment: SegmentRecord): SegmentHead {
    const { conversation_id, epoch } = this.state.record;
    const { from_seq, to_seq, sha256 } = segment;
    return { conversation_id, epoch, from_seq, to_seq, count: to_seq - from_seq + 1, sha256, format: SEGMENT_FORMAT };
  }

  /** The archive has a segment and has read it back. The same acknowledgement may come again. */
  acknowledged(ack: ArchiveAck): Result<ArchiveAcked> {
    const { marks } = this.state;
    if (ack.epoch !== this.state.record.epoch) return { ok: false, code: "archive_conflict" };
    if (ack.to_seq <= marks.archived_seq) return { ok: true, archived_seq: marks.archived_seq };
    const segment = this.segments.find((planned) => planned.from_seq === ack.from_seq);
    if (segment === undefined || segment.to_seq !== ack.to_seq) return { ok: false, code: "archive_conflict" };
    if (segment.sha256 !== ack.sha256) {
      this.putAgain(segment);
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

  /** A PUT of a life before, from before a deletion, may have arrived after the one that replaced it. */
  private putAgain(segment: SegmentRecord): void {
    if (segment.acked || this.ports.now() - (this.putAt.get(segment) ?? 0) < PUT_AGAIN_MS) return;
    this.store.commitSegmentAnew(segment.from_seq, segment.sha256);
    segment.put = false;
  }

  /** When the oldest body that the archive has may go; null while there is none. */
  pruneDue(now: number): number | null {
    const rule = this.ports.settings();
    const next = this.state.marks.pruned_seq + 1;
    if (next > Math.min(this.state.marks.archived_seq, this.state.head.seq - rule.hot_events)) return null;
    const oldest = this.store.readMsgId(next);
    return oldest === null ? null : Math.max(now, sentAtOf(oldest) + rule.hot_days * 86_400_000);
  }

  /** Blanks the bodies that have left the hot window, never above archived_seq. */
  prune(now: number): void {
    const { marks, head } = this.state;
    const rule = this.ports.settings();
    const cold = firstMsgIdOf(coldBefore(rule, now));
    const lastCold = bisect(marks.pruned_seq + 1, marks.archived_seq, (seq) => (this.store.readMsgId(seq) as string) >= cold) - 1;
    const target = decidePruneTo(marks.archived_seq, head.seq, lastCold, rule);
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
