// What became of this user's messages, from the `status` frames of the server: watermarks of members, and counts. Nothing
// here goes back.
import type { CountStatusFrame, MemberStatusFrame } from "../protocol/frames/receipt.ts";
import type * as v from "valibot";

type MemberStatus = v.InferOutput<typeof MemberStatusFrame>;
type CountStatus = v.InferOutput<typeof CountStatusFrame>;

/** How far one member is; seqs. */
export interface Watermark {
  delivered_seq: number;
  read_seq: number;
  /** ms since 1970 of the step that was told last */
  at: number;
}

/** `total`: members at the message's seq except its sender; null while no count has said it. */
export interface MessageStatus {
  status: "SENT" | "DELIVERED" | "READ";
  delivered: number;
  read: number;
  total: number | null;
}

interface Count {
  seq: number;
  delivered: number;
  read: number;
  total: number;
}

/** Counts kept of a conversation: of its newest messages that have one. */
const COUNTS = 200;

interface Known {
  members: Map<string, Watermark>;
  /** By seq, ascending. */
  counts: Count[];
  /** Who came and went, by the seq of its event. */
  moves: Map<number, { user_id: string; came: boolean }>;
}

export class Statuses {
  readonly #known = new Map<string, Known>();

  member({ conversation_id, user_id, up_to_seq, status, at }: MemberStatus): void {
    const { members } = this.#of(conversation_id);
    const mark = members.get(user_id) ?? { delivered_seq: 0, read_seq: 0, at: 0 };
    const read_seq = status === "READ" ? Math.max(mark.read_seq, up_to_seq) : mark.read_seq;
    members.set(user_id, { read_seq, delivered_seq: Math.max(mark.delivered_seq, up_to_seq), at: Math.max(mark.at, at) });
  }

  count({ conversation_id, seq, delivered, read, total }: CountStatus): void {
    const { counts } = this.#of(conversation_id);
    const at = counts.findLastIndex((one) => one.seq <= seq);
    const known = counts[at];
    if (known?.seq === seq) {
      Object.assign(known, { total, delivered: Math.max(known.delivered, delivered), read: Math.max(known.read, read) });
    } else counts.splice(at + 1, 0, { seq, delivered, read, total });
    if (counts.length > COUNTS) counts.shift();
  }

  /** Somebody came or went with this event: what is older than their coming does not wait for them. */
  moved(conversation_id: string, seq: number, user_id: string, came: boolean): void {
    this.#of(conversation_id).moves.set(seq, { user_id, came });
  }

  watermark(conversation_id: string, user_id: string): Watermark | null {
    return this.#known.get(conversation_id)?.members.get(user_id) ?? null;
  }

  /**
   * Of one of this user's messages. Who has a later one has this one too, so watermarks and the counts of later messages
   * are lower bounds, but for those who came in between.
   *
   * @param alone the conversation has one other member
   */
  of(conversation_id: string, seq: number, me: string, alone: boolean): MessageStatus {
    const known = this.#known.get(conversation_id);
    const later = [...(known?.moves ?? [])].filter(([at]) => at > seq);
    const newcomers = new Set(later.flatMap(([, { user_id, came }]) => (came ? [user_id] : [])));
    const marks = [...(known?.members ?? [])].filter(([user_id]) => user_id !== me && !newcomers.has(user_id)).map(([, mark]) => mark);
    const count = atSeq(known?.counts.find((one) => one.seq >= seq), later);
    const total = alone ? 1 : (count?.total ?? null);
    const most = total ?? Number.POSITIVE_INFINITY;
    const read = Math.min(most, Math.max(count?.read ?? 0, marks.filter((mark) => mark.read_seq >= seq).length));
    const delivered = Math.min(most, Math.max(count?.delivered ?? 0, read, marks.filter((mark) => mark.delivered_seq >= seq).length));
    const status = total === null || total === 0 || delivered < total ? "SENT" : read < total ? "DELIVERED" : "READ";
    return { status, delivered, read, total };
  }

  /** Restored, or this user's no more. */
  forget(conversation_id: string): void {
    this.#known.delete(conversation_id);
  }

  #of(conversation_id: string): Known {
    const known = this.#known.get(conversation_id) ?? { members: new Map(), counts: [], moves: new Map() };
    this.#known.set(conversation_id, known);
    return known;
  }
}

/** What a later message's count says of one before these moves: at least so many of so many. */
function atSeq(count: Count | undefined, later: readonly [number, { came: boolean }][]): Count | null {
  if (count === undefined) return null;
  const between = later.filter(([at]) => at <= count.seq);
  const came = between.filter(([, move]) => move.came).length;
  const { seq, delivered, read, total } = count;
  return { seq, delivered: delivered - came, read: read - came, total: total - came + (between.length - came) };
}
