// Between the edge and the archiver, both ways over HTTP. Each side signs its calls with a token of ARCHIVE_SECRET
// (HS256, at most 60 s, scope `archive`): the archiver for audience "confab-edge", the edge for "confab-archiver".
import * as v from "valibot";
import { ConversationId, MsgId } from "./ids.ts";
import { SegmentEvent, SegmentHead } from "./segment.ts";

export const ARCHIVE_SCOPE = "archive";
export const EDGE_AUDIENCE = "confab-edge";
export const ARCHIVER_AUDIENCE = "confab-archiver";

/** `POST /internal/archive/ack` of the edge: this segment is stored and was read back. Answers `ArchiveAcked`. */
export const ArchiveAck = SegmentHead;
export type ArchiveAck = SegmentHead;

const Mark = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** How far a member has everything, and since when (ms); 0 where they have nothing yet. */
export const MemberMarks = v.object({ user_id: v.string(), delivered_seq: Mark, delivered_at: Mark, read_seq: Mark, read_at: Mark });
export type MemberMarks = v.InferOutput<typeof MemberMarks>;

export const ArchiveAcked = v.object({
  /** Everything up to here is acknowledged without a hole. */
  archived_seq: Mark,
  /** Members whose watermarks have moved since the last acknowledgement, for the archive to keep. Edges of the first version don't say. */
  receipts: v.optional(v.array(MemberMarks)),
});
export type ArchiveAcked = v.InferOutput<typeof ArchiveAcked>;

/** `POST /internal/archive/wrong` of the edge: what lies in the bucket under this segment's key can't be archived. */
export const ArchiveWrong = v.object({
  conversation_id: ConversationId,
  epoch: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  from_seq: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  to_seq: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** As the archiver names it, e.g. `gzip`. */
  reason: v.pipe(v.string(), v.maxLength(64)),
});
export type ArchiveWrong = v.InferOutput<typeof ArchiveWrong>;

/** `put_again`: the conversation has its bodies and puts it again. False: it is archived already, and what lies there is of no use. */
export interface ArchiveWrongAnswer {
  put_again: boolean;
}

const Seq = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/**
 * `POST /v1/archive/read` of the archiver: the events of exact ranges, each within one bucket, both ends included.
 * Answers `{events: SegmentEvent[], kept_from}` ascending, without `msg_no` gaps filled in: what is not stored is not there.
 * `from_seq` and `to_seq` are those of the ends: with them the store knows where in the month the rows lie.
 */
export const ArchiveRead = v.object({
  conversation_id: ConversationId,
  ranges: v.pipe(
    v.array(v.object({
      bucket: v.pipe(v.string(), v.regex(/^\d{4}-\d{2}$/)), first: MsgId, last: MsgId, from_seq: v.optional(Seq), to_seq: v.optional(Seq),
    })),
    v.minLength(1),
    v.maxLength(100),
  ),
});
export type ArchiveRead = v.InferOutput<typeof ArchiveRead>;

export const ArchiveReadAnswer = v.object({
  events: v.array(SegmentEvent),
  /** ms: what is older is past its retention, and may be gone. Archivers of the first version don't say. */
  kept_from: v.optional(v.number()),
});
export type ArchiveReadAnswer = v.InferOutput<typeof ArchiveReadAnswer>;
