// The REST answers that the client reads, checked before they are believed. Types are the protocol's.
import * as v from "valibot";
import { Jurisdiction, LocationHint } from "../protocol/ids.ts";
import { Encryption, Kind, Role } from "../protocol/events.ts";
import { ConversationRow } from "../protocol/frames/inbox.ts";
import type { ConversationDetail, ConversationList } from "../protocol/rest.ts";
import { AckFrame } from "../protocol/frames/msg.ts";
import { SequenceFrame } from "./frames.ts";

export const ListAnswer: v.GenericSchema<unknown, ConversationList> = v.object({
  conversations: v.array(ConversationRow),
  next_cursor: v.nullable(v.string()),
});

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
  members: v.array(v.object({ user_id: v.string(), role: Role, joined_seq: v.number() })),
});

export const PageAnswer = v.object({ events: v.array(SequenceFrame), next_cursor: v.nullable(v.string()) });
export type PageAnswer = v.InferOutput<typeof PageAnswer>;

export const AckAnswer = AckFrame;
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
