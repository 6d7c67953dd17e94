// The REST answers that the client reads, checked before they are believed. Types are the protocol's.
import * as v from "valibot";
import { Jurisdiction, LocationHint } from "../protocol/ids.ts";
import { Encryption, History, Kind, Role } from "../protocol/events.ts";
import { ConversationRow } from "../protocol/frames/inbox.ts";
import type { ConversationDetail } from "../protocol/rest.ts";
import { SequenceFrame } from "./frames.ts";

/** A row of the list. */
export const Row = ConversationRow;

export const ListAnswer = v.object({ conversations: v.array(Row), next_cursor: v.nullable(v.string()) });
export type ListAnswer = v.InferOutput<typeof ListAnswer>;

/** Rows that changed since a user_seq, conversations that were left among them; `more`: ask again from `user_seq`. */
export const ChangesAnswer = v.object({ conversations: v.array(Row), user_seq: v.number(), more: v.boolean() });
export type ChangesAnswer = v.InferOutput<typeof ChangesAnswer>;

export const DetailAnswer: v.GenericSchema<unknown, ConversationDetail> = v.object({
  conversation_id: v.string(),
  kind: Kind,
  title: v.nullable(v.string()),
  epoch: v.number(),
  head_seq: v.number(),
  head_msg_no: v.number(),
  created_at: v.number(),
  max_members: v.number(),
  location_hint: v.nullable(LocationHint),
  encryption: v.optional(Encryption, "none"),
  jurisdiction: v.nullable(Jurisdiction),
  history: History,
  members: v.array(v.object({ user_id: v.string(), role: Role, joined_seq: v.number() })),
});

/**
 * `as_of_seq`: messages are shown as all events up to it have made them. `archive_unavailable`: the page ends where the archive
 * begins, which can't be read now; `next_cursor` asks for that again.
 */
export const PageAnswer = v.object({
  events: v.array(SequenceFrame),
  next_cursor: v.nullable(v.string()),
  as_of_seq: v.optional(v.number()),
  archive_unavailable: v.optional(v.boolean()),
  retry_after_ms: v.optional(v.number()),
});
export type PageAnswer = v.InferOutput<typeof PageAnswer>;

/** Who has a message since when, ms. SENT: nothing of it yet. */
export const ReceiptsAnswer = v.object({
  receipts: v.array(v.object({ message_id: v.string(), user_id: v.string(), status: v.picklist(["SENT", "DELIVERED", "READ"]), updated_at: v.number() })),
});
export type ReceiptsAnswer = v.InferOutput<typeof ReceiptsAnswer>;

/** Frames are checked one by one: one that is not understood spoils no other. */
export const PollAnswer = v.object({ frames: v.array(v.unknown()), user_seq: v.number() });
export type PollAnswer = v.InferOutput<typeof PollAnswer>;
export const FramesAnswer = v.object({ frames: v.array(v.unknown()) });

/** For routes whose answer nobody reads. */
export const AnyAnswer = v.unknown();

export const ErrorAnswer = v.object({
  error: v.object({
    code: v.string(),
    message: v.string(),
    retryable: v.boolean(),
    retry_after_ms: v.optional(v.number()),
  }),
});
