// What the archiver asks the edge when an operator exports or erases: `POST /internal/archive/…`, with the archiver's token.
import * as v from "valibot";
import { ConversationId, MsgId } from "./ids.ts";
import { EVENT_TYPES } from "./events.ts";
import { SegmentEvent } from "./segment.ts";
import { PersonId } from "./users.ts";

const Seq = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Limit = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(1_000));
const place = { conversation_id: ConversationId };

/** `erase/conversation`: answered by `ErasedConversation`. */
export const EraseConversation = v.variant("step", [
  v.object({ ...place, step: v.literal("sender"), user_id: PersonId, after: Seq, dry_run: v.boolean() }),
  v.object({ ...place, step: v.literal("put_again") }),
  v.object({ ...place, step: v.literal("people") }),
  v.object({ ...place, step: v.literal("scrub") }),
]);

/** `erase/user`: answered by `ErasedUser`. `erase/reports`: by `{reports}`. */
export const ErasePerson = v.object({ user_id: PersonId, dry_run: v.boolean() });

/** `erase/scrub`: a user's own object, or without one that of the reports. Answered by `Scrubbed`. */
export const ScrubObject = v.object({ user_id: v.optional(PersonId) });

/** `export/conversation`: answered by `ExportedConversation`. */
export const ExportConversation = v.variant("part", [
  v.object({ ...place, part: v.literal("detail") }),
  v.object({ ...place, part: v.literal("events"), from: Seq, sender_id: v.optional(PersonId) }),
  v.object({ ...place, part: v.literal("stays"), user_id: PersonId }),
]);

/** `export/user`: answered by `ExportedUser`. */
export const ExportPerson = v.object({ user_id: PersonId });

/** `export/inbox`: answered by `{rows, next}`, by conversation. */
export const ExportInbox = v.object({ user_id: PersonId, after: v.union([ConversationId, v.literal("")]), limit: Limit });

/** `export/reports`: answered by `{reports, next}`, by their numbers. */
export const ExportReports = v.object({ user_id: PersonId, after: Seq, limit: Limit });

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Kept = v.record(v.string(), v.unknown());

export const ErasedSenderAnswer = v.object({
  erased: v.object({ messages: Count, reactions: Count, left: v.boolean(), next: v.nullable(Count), unput: Count, unreleased: v.optional(Count, 0) }),
});
export const PeopleAnswer = v.object({ users: v.array(v.string()) });
export const SegmentsAnswer = v.object({ segments: Count });
export const ScrubbedAnswer = v.object({ scrubbed: v.boolean() });
export const ErasedUserAnswer = v.object({ at: Count, profile: v.boolean(), devices: Count, previews: Count, untold: Count, uploads: v.optional(Count, 0) });
export const ReportsErasedAnswer = v.object({ reports: Count });
export const InboxAnswer = v.object({
  rows: v.array(v.looseObject({ conversation_id: ConversationId, left_at: v.nullable(v.number()) })), next: v.nullable(v.string()),
});
export const ReportsAnswer = v.object({ reports: v.array(Kept), next: v.nullable(Count) });
export const UserAnswer = v.object({ account: Kept, devices: v.array(Kept), blocks: v.array(Kept) });
export const DetailAnswer = v.object({ conversation: Kept });
export const StaysAnswer = v.object({ stays: v.array(Kept) });
export const PageAnswer = v.object({
  page: v.object({
    events: v.array(v.object({
      seq: Count, msg_id: MsgId, type: v.picklist(EVENT_TYPES), content_hash: v.string(), sealed: v.nullable(SegmentEvent), shown: v.looseObject({ type: v.string() }),
    })),
    next: Count, head_seq: Count, epoch: Count,
  }),
});
