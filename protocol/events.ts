// An event is anything with a seq. Its envelope is the same for all types; the body holds the type's own fields, and
// only the body enters the content hash.
import * as v from "valibot";
import { ClientMsgId, ConversationId, Jurisdiction, LocationHint, MsgId, UserId } from "./ids.ts";

export const MEDIA_KINDS = ["image", "video", "audio", "document"] as const;
export const CONTENT_TYPES = ["text", ...MEDIA_KINDS] as const;
export const ContentType = v.picklist(CONTENT_TYPES);
export type ContentType = v.InferOutput<typeof ContentType>;

export const Role = v.picklist(["owner", "admin", "member"]);
export type Role = v.InferOutput<typeof Role>;

export const Kind = v.picklist(["direct", "group"]);
export type Kind = v.InferOutput<typeof Kind>;

/** `e2ee`: contents are the clients' own cipher, and the server never looks into one. Chosen at creation, for life. */
export const Encryption = v.picklist(["none", "e2ee"]);
export type Encryption = v.InferOutput<typeof Encryption>;

/** What a new member sees of what was there before: nothing, or all of it. */
export const History = v.picklist(["joined", "all"]);
export type History = v.InferOutput<typeof History>;

const seq = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const MemberOfCreation = v.object({ user_id: UserId, role: Role });

/** What each type adds to the envelope. Fixed since segment format 1: a new field is optional, a removed one stays known. */
export const EVENT_BODIES = {
  created: v.object({
    kind: Kind,
    title: v.nullable(v.string()),
    members: v.array(MemberOfCreation),
    max_members: v.number(),
    location_hint: v.nullable(LocationHint),
    jurisdiction: v.nullable(Jurisdiction),
    encryption: v.optional(v.literal("e2ee")),
  }),
  msg: v.object({
    content: v.string(),
    content_type: ContentType,
    media_key: v.optional(v.string()),
    media: v.optional(v.record(v.string(), v.unknown())),
    reply_to: v.optional(MsgId),
    mentions: v.optional(v.array(UserId)),
    gap: v.optional(v.literal(true)),
  }),
  edit: v.object({
    target_msg_id: MsgId,
    target_seq: seq,
    content: v.string(),
    mentions: v.optional(v.array(UserId)),
  }),
  delete: v.object({ target_msg_id: MsgId, target_seq: seq }),
  react: v.object({ target_msg_id: MsgId, target_seq: seq, emoji: v.string(), on: v.boolean() }),
  member_added: v.object({ user_id: UserId, role: Role }),
  member_removed: v.object({ user_id: UserId }),
  member_role: v.object({ user_id: UserId, role: Role }),
  title: v.object({ title: v.string() }),
  settings: v.object({ changes: v.record(v.string(), v.unknown()) }),
} as const;

export type EventType = keyof typeof EVENT_BODIES;
export const EVENT_TYPES = Object.keys(EVENT_BODIES) as EventType[];
export type EventBody<T extends EventType = EventType> = v.InferOutput<(typeof EVENT_BODIES)[T]>;

/** The fields that every event has on the wire. `sent_at` is the millisecond of `msg_id`. */
export const Envelope = v.object({
  conversation_id: ConversationId,
  epoch: seq,
  seq,
  msg_id: MsgId,
  sender_id: UserId,
  sent_at: v.number(),
  client_msg_id: v.optional(ClientMsgId),
});
export type Envelope = v.InferOutput<typeof Envelope>;

const MsgNo = v.object({ msg_no: seq });

/** A reaction to a message. `users`: the first REACTION_USERS of those who stand by it. */
export const Reaction = v.object({ emoji: v.string(), count: v.number(), users: v.array(UserId) });
export type Reaction = v.InferOutput<typeof Reaction>;

/** What became of a message since it was sent, as history shows it. Never part of what is hashed. Times in ms. */
export const Shown = v.object({
  edited_at: v.optional(v.number()),
  deleted_at: v.optional(v.number()),
  /** In the order of each emoji's first standing reaction. */
  reactions: v.optional(v.array(Reaction)),
  /** Messages that answer this one and are not deleted. */
  replies: v.optional(v.number()),
  /** Its file is past its time; the message stays. */
  media_expired: v.optional(v.literal(true)),
});
export type Shown = v.InferOutput<typeof Shown>;

/** Every type's whole event: envelope, type and body, flat. */
export const Event = v.variant("type", [
  v.object({ ...Envelope.entries, type: v.literal("created"), ...EVENT_BODIES.created.entries }),
  v.object({ ...Envelope.entries, type: v.literal("msg"), ...MsgNo.entries, ...EVENT_BODIES.msg.entries, ...Shown.entries }),
  v.object({ ...Envelope.entries, type: v.literal("edit"), ...EVENT_BODIES.edit.entries }),
  v.object({ ...Envelope.entries, type: v.literal("delete"), ...EVENT_BODIES.delete.entries }),
  v.object({ ...Envelope.entries, type: v.literal("react"), ...EVENT_BODIES.react.entries }),
  v.object({ ...Envelope.entries, type: v.literal("member_added"), ...EVENT_BODIES.member_added.entries }),
  v.object({ ...Envelope.entries, type: v.literal("member_removed"), ...EVENT_BODIES.member_removed.entries }),
  v.object({ ...Envelope.entries, type: v.literal("member_role"), ...EVENT_BODIES.member_role.entries }),
  v.object({ ...Envelope.entries, type: v.literal("title"), ...EVENT_BODIES.title.entries }),
  v.object({ ...Envelope.entries, type: v.literal("settings"), ...EVENT_BODIES.settings.entries }),
]);
export type Event = v.InferOutput<typeof Event>;
export type MsgEvent = Extract<Event, { type: "msg" }>;

/** The type's own fields of an event: what the content hash covers. */
export function bodyOf(event: Event): EventBody {
  return v.parse(EVENT_BODIES[event.type], event) as EventBody;
}
