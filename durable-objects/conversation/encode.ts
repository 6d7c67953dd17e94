// From an event's row to what goes over the wire. The stored body is JSON already, so a frame is
// made by joining texts: nothing is parsed on the way to a socket.
import { transcode } from "../../protocol/codec-protobuf.ts";
import type { EncodedEvents } from "../../protocol/rpc.ts";
import type { Event } from "../../protocol/events.ts";
import type { SkipFrame } from "../../protocol/frames/down.ts";
import { contentText } from "../../protocol/segment.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import { sha256Hex } from "../platform/hash.ts";
import type { EventRecord, ShownRecord } from "./records.ts";

export interface Place {
  conversation_id: string;
  epoch: number;
}

/** The event as its frame. The row must have its body. */
export function eventJson(place: Place, row: ShownRecord): string {
  if (row.body === null) throw new Error(`event ${row.seq} is pruned`);
  const key = row.client_msg_id === null ? "" : `"client_msg_id":${JSON.stringify(row.client_msg_id)},`;
  const number = row.type === "msg" ? `"msg_no":${row.msg_no},` : "";
  return `{"type":"${row.type}","conversation_id":"${place.conversation_id}","epoch":${place.epoch},"seq":${row.seq},"msg_id":"${row.msg_id}",`
    + `"sender_id":${JSON.stringify(row.sender_id)},"sent_at":${sentAtOf(row.msg_id)},${key}${number}${row.body.slice(1)}`;
}

/** Does an event change a message from before `visibleFrom`? Then only its place is for who sees nothing before that. */
export function isHidden(row: Pick<EventRecord, "type" | "target_seq">, visibleFrom: number): boolean {
  return row.type !== "msg" && typeof row.target_seq === "number" && row.target_seq < visibleFrom;
}

export function skipFrame({ conversation_id, epoch }: Place, seq: number): SkipFrame {
  return { type: "skip", conversation_id, epoch, seq };
}

/** The event as a member gets it who sees what is from `visibleFrom` on. */
export function frameJson(place: Place, row: ShownRecord, visibleFrom: number): string {
  return isHidden(row, visibleFrom) ? JSON.stringify(skipFrame(place, row.seq)) : eventJson(place, row);
}

export function toEvent(place: Place, row: ShownRecord): Event {
  return JSON.parse(eventJson(place, row)) as Event;
}

/** One text for a run of events; null where there are none. */
export function joinFrames(frames: readonly { seq: number; json: string }[]): EncodedEvents | null {
  const first = frames[0];
  const last = frames.at(-1);
  if (first === undefined || last === undefined) return null;
  const json = frames.length === 1 ? first.json : `[${frames.map((frame) => frame.json).join(",")}]`;
  return { from_seq: first.seq, to_seq: last.seq, json };
}

const binary = new WeakMap<EncodedEvents, Uint8Array>();

/**
 * The same events with their message of `chat.v1.pb`, made once for all who get the same.
 * @param alone without the JSON: carrying both to a session costs an eighth of a delivery
 */
export function withBinary(events: EncodedEvents | null, alone = false): EncodedEvents | null {
  if (events === null) return null;
  const pb = binary.get(events) ?? transcode(events.json);
  binary.set(events, pb);
  return { ...events, pb, ...(alone ? { json: "" } : {}) };
}

/** What stays of a body after pruning: SHA-256(salt ‖ canonical JSON of the type's own fields), 64 hex digits. */
export function contentHash(place: Place, row: EventRecord): string {
  return hashOf(toEvent(place, row), row);
}

/** Throws for a row whose body or salt is gone. */
export function hashOf(event: Event, row: EventRecord): string {
  if (row.salt === null) throw new Error(`event ${row.seq} has no salt`);
  return sha256Hex(row.salt, contentText(event));
}
