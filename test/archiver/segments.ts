// Sealed events and segments for tests, made the way a conversation makes them: from a seed, so that a failure repeats.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Event } from "../../protocol/events.ts";
import { msgIdAt } from "../../protocol/msg-id.ts";
import { contentText, encodeSegment, segmentKey, segmentMetadata, type SegmentEvent, type SegmentHead } from "../../protocol/segment.ts";

export const sha256 = (...parts: (string | Uint8Array)[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

export const conversationId = (name: string): string => `g.${sha256(name).slice(0, 32)}`;

type Body<T> = T extends Event ? Omit<T, "conversation_id" | "epoch" | "seq" | "msg_id" | "sent_at" | "sender_id" | "msg_no"> : never;
/** An event without what its place in the order gives. */
export type Draft = Body<Event> & { sender_id?: string };

export const text = (content: string): Draft => ({ type: "msg", content, content_type: "text" });

export interface RunOptions {
  conversation: string;
  /** ms of the first event */
  at: number;
  /** ms between events; 0: a microsecond */
  step?: number;
  fromSeq?: number;
  epoch?: number;
}

export function sealed(event: Event): SegmentEvent {
  const salt = sha256(`salt ${event.msg_id}`).slice(0, 32);
  return { ...event, salt, content_hash: sha256(Buffer.from(salt, "hex"), contentText(event)) };
}

/** A dense run of events. `msg_no` counts from `fromSeq`. */
export function run(drafts: readonly Draft[], { conversation, at, step = 0, fromSeq = 1, epoch = 1 }: RunOptions): SegmentEvent[] {
  return drafts.map((draft, i) => {
    const seq = fromSeq + i;
    const clock = at * 1_000 + (step === 0 ? seq : i * step * 1_000);
    const msg_id = msgIdAt(clock, createHash("sha256").update(`${conversation} ${seq}`).digest().subarray(0, 8));
    const place = { conversation_id: conversation, epoch, seq, msg_id, sender_id: "ann", sent_at: Math.floor(clock / 1_000) };
    return sealed({ ...place, ...draft, ...(draft.type === "msg" ? { msg_no: seq } : {}) } as Event);
  });
}

export interface Segment {
  key: string;
  head: SegmentHead;
  ndjson: string;
  metadata: Record<string, string>;
  bytes: Uint8Array;
  events: SegmentEvent[];
}

export function segment(events: SegmentEvent[], more: Pick<SegmentHead, "chain_before" | "chain" | "pair"> = {}): Segment {
  const [first, last] = [events[0] as SegmentEvent, events.at(-1) as SegmentEvent];
  const ndjson = encodeSegment(events);
  const head: SegmentHead = {
    conversation_id: first.conversation_id, epoch: first.epoch, from_seq: first.seq, to_seq: last.seq,
    count: events.length, sha256: sha256(ndjson), format: 1, ...more,
  };
  return {
    key: segmentKey(sha256(head.conversation_id).slice(0, 2), head.conversation_id, head.epoch, head.from_seq, head.to_seq),
    head, ndjson, metadata: segmentMetadata(head), bytes: gzipSync(ndjson), events,
  };
}

/** Cuts a run into segments of at most `length` events. */
export function segments(events: SegmentEvent[], length: number): Segment[] {
  return Array.from({ length: Math.ceil(events.length / length) }, (_, i) => segment(events.slice(i * length, (i + 1) * length)));
}

/** Every event type once, and contents that a store could stumble over. */
export const EVERY_TYPE: readonly Draft[] = [
  { type: "created", kind: "group", title: "Crew", members: [{ user_id: "ann", role: "owner" }], max_members: 500, location_hint: "weur", jurisdiction: null },
  { type: "created", kind: "direct", title: null, members: [], max_members: 2, location_hint: null, jurisdiction: "eu" },
  { type: "msg", content: "with all", content_type: "image", media_key: "m/abc", media: { z: [1, null, { b: "ä", a: 1.5 }], a: "" },
    reply_to: "019d0000-0000-7000-8000-000000000001", mentions: ["bob"], gap: true, client_msg_id: "uuid-123" },
  text(""),
  text("a\u0000b"),
  text("\u{1f469}\u200d\u{1f680} \u00e9 e\u0301 \u202e ' \" \\ \n\r\t"),
  text("lone \ud83d surrogate"),
  text("x".repeat(64 * 1024)),
  { type: "react", target_msg_id: "019d0000-0000-7000-8000-000000000001", target_seq: 3, emoji: "👍", on: false },
  { type: "member_added", user_id: "cyd", role: "member" },
  { type: "member_role", user_id: "cyd", role: "admin" },
  { type: "member_removed", user_id: "cyd" },
  { type: "title", title: "Crew ☕" },
  { type: "settings", changes: { max_members: 256, "": null } },
];
