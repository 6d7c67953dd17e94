// How a conversation is rebuilt from its archive, over the service API and between Worker and object. Every step may be made again: it
// answers where the restoring stands.
import * as v from "valibot";
import { MemberMarks } from "./archive.ts";
import { EVENT_TYPES } from "./events.ts";
import { ClientMsgId, ConversationId, MsgId, UserId } from "./ids.ts";
import { SegmentEvent } from "./segment.ts";

const Seq = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Epoch = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const Hex = (digits: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${digits}}$`)));

/** A seq of an epoch that somebody trusted has: a session's inbox, or the archive. */
export interface KnownHead {
  epoch: number;
  seq: number;
}

/** Events of one call, and bytes of their bodies. */
export const RESTORE_EVENTS = 250;
export const RESTORE_BYTES = 512 * 1024;

/** Members' watermarks of one call. */
export const RESTORE_RECEIPTS = 500;

/** An event as the archive has it. body: canonical JSON of the type's own fields, or what a deletion left of it. */
export const RestoreEvent = v.object({
  seq: Epoch,
  msg_id: MsgId,
  type: v.picklist(EVENT_TYPES),
  sender_id: UserId,
  client_msg_id: v.nullable(ClientMsgId),
  msg_no: v.nullable(Seq),
  body: v.string(),
  salt: Hex(32),
  content_hash: Hex(64),
});
export type RestoreEvent = v.InferOutput<typeof RestoreEvent>;

const named = { conversation_id: ConversationId };

/** `POST /internal/archive/restore`. Answers `RestoreState`. */
export const RestoreStep = v.variant("step", [
  /** Changes nothing. */
  v.object({ ...named, step: v.literal("look") }),
  /**
   * Empties the object, and begins. `known`: how far the archive had it. Refused with `archive_conflict` for a conversation that is
   * well, unless `force`.
   */
  v.object({ ...named, step: v.literal("begin"), epoch: Epoch, head_seq: Seq, known: v.nullable(v.object({ epoch: Epoch, seq: Seq })), force: v.boolean() }),
  /** The next events; those that are there already are passed over. */
  v.object({ ...named, step: v.literal("events"), epoch: Epoch, events: v.pipe(v.array(RestoreEvent), v.minLength(1), v.maxLength(RESTORE_EVENTS)) }),
  /**
   * Members' watermarks, behind all events and before `finish`: no further than the events go. They may come again. Edges of a version
   * before answer 400, and go on without.
   */
  v.object({ ...named, step: v.literal("receipts"), epoch: Epoch, receipts: v.pipe(v.array(MemberMarks), v.minLength(1), v.maxLength(RESTORE_RECEIPTS)) }),
  /** All events are there. `chain`: what they lead to. `pair`: both users of a direct conversation. */
  v.object({ ...named, step: v.literal("finish"), epoch: Epoch, chain: Hex(64), pair: v.nullable(v.tuple([UserId, UserId])) }),
]);
export type RestoreStep = v.InferOutput<typeof RestoreStep>;

export const RestoreState = v.object({
  /** `needed`: it is there, and was noticed to lack something. `absent`: nothing is there. */
  state: v.picklist(["absent", "healthy", "needed", "restoring"]),
  /** Of what is there, or is being restored; 0 where nothing is. */
  epoch: Seq,
  head_seq: Seq,
  /** While restoring: the next event that is wanted. */
  next_seq: Seq,
  /** How far anybody trusted had it in an epoch before; what lies between head_seq and this is lost. 0: nobody knows. */
  known_seq: Seq,
  /** Members whose sessions did not answer how far they had it. */
  unasked: Seq,
});
export type RestoreState = v.InferOutput<typeof RestoreState>;

/** `POST /internal/archive/events`: events as they would be sealed, from `from` on, while their bodies are there. For what is in no segment yet. */
export const EventsQuery = v.object({ conversation_id: ConversationId, from: Epoch });
export type EventsQuery = v.InferOutput<typeof EventsQuery>;
export const EventsAnswer = v.object({ events: v.array(SegmentEvent) });
