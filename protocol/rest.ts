// Bodies, queries and answers of the REST routes. Errors are `{error: ErrorBody}` with the table's HTTP status.
import * as v from "valibot";
import { ContentType, Encryption, type Event, History, Kind, Role } from "./events.ts";
import type { SkipFrame } from "./frames/down.ts";
import { Text } from "./frames/msg.ts";
import { ClientMsgId, Jurisdiction, LocationHint, MsgId, SERVICE_ID, UserId } from "./ids.ts";
import { byteLength, GROUP_MEMBERS, HISTORY_PAGE_MAX, PAGE, TITLE_BYTES } from "./limits.ts";

const Title = v.pipe(Text, v.trim(), v.minLength(1), v.check((text) => byteLength(text) <= TITLE_BYTES, `over ${TITLE_BYTES} bytes`));

/**
 * `POST /v1/conversations`. The creator becomes the owner and is not listed. With `client_msg_id` a repeated call gives
 * the same conversation. `location_hint`, `jurisdiction` and `encryption`
 * can't be changed later.
 */
export const CreateBody = v.object({
  kind: v.literal("group"),
  title: Title,
  members: v.optional(v.array(UserId), []),
  max_members: v.optional(v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(GROUP_MEMBERS))),
  location_hint: v.optional(LocationHint),
  jurisdiction: v.optional(Jurisdiction),
  /** `none` unless given */
  encryption: v.optional(Encryption),
  client_msg_id: v.optional(ClientMsgId),
});
export type CreateBody = v.InferOutput<typeof CreateBody>;

/** `PATCH /v1/conversations/{id}` */
export const PatchBody = v.pipe(
  v.strictObject({ title: v.optional(Title), history: v.optional(History) }),
  v.check((body) => Object.values(body).some((value) => value !== undefined), "nothing to change"),
);

/**
 * `PUT /v1/conversations/{id}/members/{user_id}`. Without a role a new one is a `member`, and one who is there keeps
 * theirs. `owner` hands the group over.
 */
export const MemberBody = v.object({ role: v.optional(Role) });

const Ms = v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number));

/**
 * `GET /v1/history/{conversation_id}`. `from` ≤ sent_at < `to`, in ms. `after` is a seq or a msg_id; it means ascending order.
 * A `cursor` belongs to the query that gave it.
 */
export const HistoryQuery = v.pipe(
  v.object({
    cursor: v.optional(v.pipe(v.string(), v.maxLength(512))),
    limit: v.optional(v.pipe(v.string(), v.regex(/^\d{1,4}$/), v.transform(Number), v.minValue(1), v.maxValue(HISTORY_PAGE_MAX)), String(PAGE)),
    order: v.optional(v.picklist(["asc", "desc"])),
    from: v.optional(Ms),
    to: v.optional(Ms),
    after: v.optional(v.union([v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number)), MsgId])),
    content_type: v.optional(ContentType),
    /** The messages that answer this one. */
    thread: v.optional(MsgId),
  }),
  v.check((query) => query.after === undefined || query.order !== "desc", "after is in ascending order"),
);
export type HistoryQuery = v.InferOutput<typeof HistoryQuery>;

/** What was archived and is past its retention: its place, and whose it was. A `skip` to those who know no reason. */
export interface ExpiredEvent extends SkipFrame {
  reason: "expired";
  msg_id: string;
  sender_id: string;
  sent_at: number;
}

/** Of an event that the reader may not see only its place is given. */
export interface HistoryPage {
  events: (Event | SkipFrame | ExpiredEvent)[];
  /** null: there is nothing more in this direction now. */
  next_cursor: string | null;
  /** Messages are shown as all events up to here have made them: those events change them no further. */
  as_of_seq: number;
  /** What comes next is in the archive, which can't be read now: `next_cursor` asks for it again. A page without this is whole. */
  archive_unavailable?: true;
  /** With `archive_unavailable`. */
  retry_after_ms?: number;
}

/** One content that a message has had. `sent_at` in ms. */
export interface Version {
  seq: number;
  msg_id: string;
  sent_at: number;
  content: string;
  mentions?: string[];
}

/** `GET /v1/conversations/{id}/messages/{msg_id}/edits`: what was sent, then what it was edited to. Nothing once deleted. */
export interface VersionList {
  versions: Version[];
}

export type { ConversationRow } from "./frames/inbox.ts";
export type { ConversationList } from "./rest/inbox.ts";

export interface ConversationDetail {
  conversation_id: string;
  kind: v.InferOutput<typeof Kind>;
  title: string | null;
  epoch: number;
  head_seq: number;
  head_msg_no: number;
  created_at: number;
  max_members: number;
  location_hint: LocationHint | null;
  jurisdiction: Jurisdiction | null;
  encryption: Encryption;
  history: History;
  members: { user_id: string; role: Role; joined_seq: number }[];
}

/** `POST /dev/token`, in development only. */
export const DevTokenBody = v.pipe(v.object({
  user_id: UserId,
  ttl_s: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(3_600)), 3_600),
  scope: v.optional(v.literal("service")),
}), v.check(({ user_id, scope }) => user_id !== SERVICE_ID || scope === "service", "this user_id is reserved"));
