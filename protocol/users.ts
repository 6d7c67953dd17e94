// People: profiles and who may change them, blocks, and reports to the operator. Bodies, queries and answers of their routes.
import * as v from "valibot";
import type { MsgEvent } from "./events.ts";
import { Text } from "./frames/msg.ts";
import { ConversationId, MsgId, SERVICE_ID, UserId } from "./ids.ts";
import { BULK_USERS, byteLength, CUSTOM_BYTES, NAME_BYTES, PAGE, PAGE_MAX, REASON_BYTES } from "./limits.ts";

const AVATAR_KEY_UNITS = 512;

const Name = v.pipe(
  Text, v.trim(), v.minLength(1),
  v.check((text) => byteLength(text) <= NAME_BYTES, `over ${NAME_BYTES} bytes`),
  v.check((text) => !/\p{Cc}/u.test(text), "holds a control character"),
);

/** 3–32 of `a-z 0-9 . _ -`, with a letter or digit at both ends. Upper case is taken for lower case. */
export const Handle = v.pipe(
  v.string(), v.toLowerCase(), v.regex(/^[a-z0-9][a-z0-9._-]{1,30}[a-z0-9]$/),
  v.check((handle) => handle !== SERVICE_ID, "is reserved"),
);

const Custom = v.pipe(
  // Not v.record, which takes an array for one.
  v.custom<Record<string, unknown>>((value) => typeof value === "object" && value !== null && !Array.isArray(value)),
  v.check((custom) => byteLength(JSON.stringify(custom)) <= CUSTOM_BYTES, `over ${CUSTOM_BYTES} bytes`),
);

const fields = {
  name: v.optional(v.nullable(Name)),
  handle: v.optional(v.nullable(Handle)),
  avatar_key: v.optional(v.nullable(v.pipe(Text, v.minLength(1), v.maxLength(AVATAR_KEY_UNITS)))),
  /** The app's own; replaced as a whole. */
  custom: v.optional(Custom),
  /** Others see that this user is online, never since when they are not. */
  hide_last_seen: v.optional(v.boolean()),
  /** May the user be found by name or handle? */
  discoverable: v.optional(v.boolean()),
};

/** `PATCH /v1/users/me`: what changes; null takes away. */
export const ProfilePatch = v.strictObject(fields);
export type ProfilePatch = v.InferOutput<typeof ProfilePatch>;

export interface Profile {
  name: string | null;
  handle: string | null;
  avatar_key: string | null;
  custom: Record<string, unknown>;
  hide_last_seen: boolean;
  discoverable: boolean;
}

export const EMPTY_PROFILE: Profile = { name: null, handle: null, avatar_key: null, custom: {}, hide_last_seen: false, discoverable: true };

/** A profile as everybody sees it. */
export interface PublicProfile extends Pick<Profile, "name" | "handle" | "avatar_key" | "custom"> {
  user_id: string;
  deactivated?: true;
}

/** Somebody found: enough to show them in a list. */
export interface Found extends Pick<Profile, "name" | "handle" | "avatar_key"> {
  user_id: string;
}

/** A user as the operator sees them. Times in ms, `revoked_before` in seconds: tokens issued before it are refused. */
export interface Account extends Profile {
  user_id: string;
  registered_at: number;
  deactivated_at: number | null;
  revoked_before: number;
  /** Their content was erased, and they are still out. */
  erased_at?: number;
}

/** Any user's id but the operator's own. */
export const PersonId = v.pipe(UserId, v.check((id) => id !== SERVICE_ID, "is reserved"));

/** `POST /v1/admin/users`: registers and changes users; each stands alone. */
export const BulkUsers = v.strictObject({
  users: v.pipe(
    v.array(v.strictObject({ user_id: PersonId, ...fields })), v.minLength(1), v.maxLength(BULK_USERS),
    v.check((users) => new Set(users.map(({ user_id }) => user_id)).size === users.length, "names a user twice"),
  ),
});

const Seconds = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(100_000_000_000));

/** `POST /v1/admin/users/{id}/revoke`. Without `before`: every token that was issued by now. In seconds since 1970. */
export const RevokeBody = v.strictObject({ before: v.optional(Seconds) });

/** `GET /v1/users?q=`: the beginnings of words of a name or handle, or `@` and a whole handle. */
export const FindQuery = v.object({ q: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(NAME_BYTES)) });

export interface Block {
  user_id: string;
  /** ms */
  at: number;
}

const Reason = v.pipe(Text, v.trim(), v.minLength(1), v.check((text) => byteLength(text) <= REASON_BYTES, `over ${REASON_BYTES} bytes`));

/** `POST /v1/reports`: of a conversation that the reporter is in, of a message that they see there, or of a member. */
export const ReportBody = v.strictObject({
  conversation_id: ConversationId,
  msg_id: v.optional(MsgId),
  user_id: v.optional(UserId),
  reason: Reason,
});
export type ReportBody = v.InferOutput<typeof ReportBody>;

export const ReportStatus = v.picklist(["open", "closed"]);
export type ReportStatus = v.InferOutput<typeof ReportStatus>;

/** The reported message as its reporter saw it. `content` is null where the server may not look, and once the report is closed. */
export interface Evidence extends Pick<MsgEvent, "seq" | "msg_id" | "sender_id" | "sent_at" | "content_type"> {
  content: string | null;
}

/** Times in ms. */
export interface Report {
  report_id: string;
  status: ReportStatus;
  reporter_id: string;
  conversation_id: string;
  msg_id: string | null;
  user_id: string | null;
  reason: string;
  evidence: Evidence | null;
  reported_at: number;
  closed_at: number | null;
  /** What the moderator wrote on closing it. */
  note: string | null;
}

/** `GET /v1/admin/reports`, oldest first. */
export const ReportsQuery = v.object({
  status: v.optional(ReportStatus, "open"),
  cursor: v.optional(v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number))),
  limit: v.optional(v.pipe(v.string(), v.regex(/^\d{1,4}$/), v.transform(Number), v.minValue(1), v.maxValue(PAGE_MAX)), String(PAGE)),
});
export type ReportsQuery = v.InferOutput<typeof ReportsQuery>;

/** `PATCH /v1/admin/reports/{id}`. Closing one takes its copy of the content away. */
export const ReportPatch = v.strictObject({ status: v.literal("closed"), note: v.optional(Reason) });
