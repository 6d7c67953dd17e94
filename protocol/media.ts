// Media as the wire knows it: the kinds with their types and limits, keys, what rides in a message, and the bodies of the upload routes.
import * as v from "valibot";
import { MEDIA_KINDS } from "./events.ts";
import { byteLength } from "./limits.ts";

export const MediaKind = v.picklist(MEDIA_KINDS);
export type MediaKind = v.InferOutput<typeof MediaKind>;

const MIB = 1024 * 1024;

/** Types that each kind takes, and its most bytes. A type belongs to one kind. */
export const MEDIA_LIMITS: Readonly<Record<MediaKind, { types: readonly string[]; bytes: number }>> = {
  image: { types: ["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/svg+xml"], bytes: 25 * MIB },
  video: { types: ["video/mp4", "video/webm", "video/quicktime"], bytes: 2_048 * MIB },
  audio: { types: ["audio/ogg", "audio/mpeg", "audio/mp4", "audio/webm", "audio/wav"], bytes: 100 * MIB },
  document: {
    types: [
      "application/pdf", "application/zip", "text/plain", "text/csv", "text/html", "application/json", "application/octet-stream",
      "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
      "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
      "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ],
    bytes: 2_048 * MIB,
  },
};

/** Shown in the page; all else is offered as a file, whatever its name says. A browser runs scripts in SVG and HTML. */
export const INLINE_TYPES: ReadonlySet<string> = new Set(
  ["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", ...MEDIA_LIMITS.video.types, ...MEDIA_LIMITS.audio.types],
);

/** s that a pre-signed PUT is good for, and a pre-signed GET. */
export const UPLOAD_URL_S = 300;
export const DOWNLOAD_URL_S = 300;
/** Above, an upload is made of parts. */
export const SINGLE_PUT_BYTES = 100 * MIB;
/** Every part but the last; S3 allows 10,000 of them. */
export const PART_BYTES = 16 * MIB;
/** What a setting says unless it is set otherwise: an upload that is not sent goes after this. */
export const UNSENT_MS = 24 * 3_600_000;
/** The same: a message's file goes after this. */
export const MEDIA_RETENTION_DAYS = 365;
/** The same: content that nothing refers to any more goes after this. */
export const GRACE_MS = 7 * 24 * 3_600_000;
/** A user's uploads that are not sent. */
export const PENDING_UPLOADS = 1_000;
/** Bytes of `media` as JSON. */
export const MEDIA_BYTES = 16 * 1024;
/** Values of a voice message's waveform. */
export const WAVEFORM = 256;

/**
 * `up/<user_id>/<id>`: a one-time key, of its user alone. The id is 32 hex characters. The users `.` and `..` are `~` and `~~` there:
 * every URL parser would take them for steps of a path.
 */
export const UploadKey = v.pipe(v.string(), v.regex(/^up\/(?!\.{1,2}\/)(?:[A-Za-z0-9._:@|+-]{1,128}|~{1,2})\/[0-9a-f]{32}$/, "is no upload's key"));

/** Below which all uploads of a user lie. */
export function uploadPrefix(userId: string): string {
  return `up/${/^\.{1,2}$/.test(userId) ? "~".repeat(userId.length) : userId}/`;
}

/** `m/<hex>`: content that messages carry, named by a keyed hash of its SHA-256 and type. */
export const ContentKey = v.pipe(v.string(), v.regex(/^m\/[0-9a-f]{64}$/, "is no content's key"));

const pixels = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const base64 = (max: number) => v.pipe(v.string(), v.base64(), v.maxLength(max));

const FileName = v.pipe(v.string(), v.minLength(1), v.maxLength(255), v.check((name) => name.isWellFormed() && !/[\p{Cc}/\\]/u.test(name), "is no file's name"));

/**
 * What a message says of its file. `content_type` and `size` are the server's, from what was uploaded; a client's are dropped.
 * The others are the sender's word: width and height in pixels, duration in ms, waveform 0 to 255 per stretch of equal
 * length, thumbhash and thumbnail in base64 (a WebP or JPEG of at most 12 KiB of text).
 */
export const Media = v.pipe(
  v.object({
    content_type: v.optional(v.string()),
    size: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
    name: v.optional(FileName),
    width: v.optional(pixels),
    height: v.optional(pixels),
    duration_ms: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
    waveform: v.optional(v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255))), v.maxLength(WAVEFORM))),
    thumbhash: v.optional(base64(64)),
    thumbnail: v.optional(base64(12 * 1024)),
  }),
  v.check((media) => byteLength(JSON.stringify(media)) <= MEDIA_BYTES, `is over ${MEDIA_BYTES} bytes`),
);
export type Media = v.InferOutput<typeof Media>;

/** `POST /api/media/upload-url?type=image&size=2048000` */
export const UploadQuery = v.object({
  type: MediaKind,
  size: v.pipe(v.string(), v.regex(/^\d{1,15}$/, "is no size"), v.transform(Number)),
});
export const UploadBody = v.object({
  /** hex */
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "is no SHA-256 in hex")),
  content_type: v.pipe(v.string(), v.maxLength(128)),
  /** Of an upload of one's own that was announced before: the same file is signed again, and nothing more waits. */
  key: v.optional(v.pipe(v.string(), v.maxLength(256))),
});
export type UploadBody = v.InferOutput<typeof UploadBody>;

/** `POST /api/media/{key}/parts?part=2` */
export const PartQuery = v.object({ part: v.pipe(v.string(), v.regex(/^[1-9]\d{0,3}$/, "is no part's number"), v.transform(Number)) });
/** Its body, and that of `complete`: what the store answered to the parts that went up, for stores that can't say it later. */
export const PartsBody = v.object({
  etags: v.optional(v.pipe(v.array(v.object({ part: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(9_999)), etag: v.pipe(v.string(), v.minLength(1), v.maxLength(1_024)) })), v.maxLength(1_000))),
});

/** `headers` are to be sent with the PUT exactly so; `expires_at` in ms. */
export interface SignedPut {
  url: string;
  headers: Record<string, string>;
  expires_at: number;
}
/** Up to SINGLE_PUT_BYTES one PUT; above, `parts` says how many PUTs of `part_size` bytes, each signed for itself. */
export type UploadAnswer = { key: string } & (SignedPut | { upload_id: string; part_size: number; parts: number; expires_at: number });
/** `GET /api/media/{key}/parts`: those that are there, ascending. */
export interface PartsAnswer {
  parts: { part: number; size: number }[];
}

/** `GET /api/media/{key}/url?conversation_id=`. `name`: what the file is to be called where it is kept. */
export const DownloadQuery = v.object({ conversation_id: v.string(), name: v.optional(FileName) });

/** Its answer; `expires_at` in ms. */
export interface DownloadAnswer {
  url: string;
  expires_at: number;
}
