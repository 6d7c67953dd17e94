// Which type a file has by its first bytes, against the one that it was announced with. A name says nothing.
import { INLINE_TYPES, MEDIA_LIMITS, type MediaKind } from "../protocol/media.ts";

/** The kind that takes a type; null for a type that none takes. */
export function kindOf(contentType: string): MediaKind | null {
  const kinds = Object.keys(MEDIA_LIMITS) as MediaKind[];
  return kinds.find((kind) => MEDIA_LIMITS[kind].types.includes(contentType)) ?? null;
}

const ZIP = "application/zip";

/** What else bytes of a type may be found to be: one container holds several, and some have more than one name. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  "image/png": ["image/apng"],
  "video/mp4": ["video/x-m4v"],
  "audio/mp4": ["audio/x-m4a", "video/mp4"],
  "audio/ogg": ["audio/opus", "application/ogg"],
  "audio/webm": ["video/webm"],
  "audio/wav": ["audio/vnd.wave", "audio/x-wav"],
  // The first 4 KiB don't always say more of an archive.
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": [ZIP],
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": [ZIP],
  "application/vnd.openxmlformats-officedocument.presentationml.presentation": [ZIP],
};

const TEXTS: Readonly<Record<string, RegExp>> = {
  "text/plain": /^/,
  "text/csv": /^/,
  "text/html": /^/,
  "application/json": /^(?:\u00EF\u00BB\u00BF)?\s*[{["\-\dtfn]/,
  // Each comment ends at its first `-->` and nowhere else: with a choice, a few hundred bytes of them would be looked at for years.
  "image/svg+xml": /^(?:\u00EF\u00BB\u00BF)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->)[^])*-->\s*)*(?:<!doctype\s+svg[^>]*>\s*(?:<!--(?:(?!-->)[^])*-->\s*)*)?<(?:svg:)?svg[\s>/]/i,
};
/** Of these it is known by their bytes whether they are it. */
const BINARY: ReadonlySet<string> = new Set(
  Object.values(MEDIA_LIMITS).flatMap(({ types }) => types).filter((type) => TEXTS[type] === undefined),
);

/** What makes a browser that trusts no type take bytes for a page. */
const MARKUP = /<(?:!doctype|html|head|body|script|iframe|svg|object|embed)[\s>/]/i;

/**
 * Do the bytes bear out the type?
 * @param found what the bytes are recognized as, without parameters; null for nothing that is known
 * @param start the file's first bytes, as many as were looked at
 */
export function decideType(declared: string, found: string | null, start: Uint8Array): boolean {
  const text = TEXTS[declared];
  if (text !== undefined) return isText(start) && !isBinary(found) && text.test(latin(start));
  if (declared === "application/octet-stream") return true;
  if (declared === ZIP) return found === ZIP || isArchive(start);
  const same = found === declared || (found !== null && (ALSO[declared] ?? []).includes(found));
  // A file that is two things at once is neither, where it would be shown.
  if (declared === "image/gif" && !/^GIF8[79]a/.test(latin(start))) return false;
  return same && !(INLINE_TYPES.has(declared) && MARKUP.test(latin(start)));
}

function isBinary(found: string | null): boolean {
  return found !== null && (BINARY.has(found) || Object.entries(ALSO).some(([type, others]) => BINARY.has(type) && others.includes(found)));
}

/** Without a byte that no text has (mimesniff.spec.whatwg.org, "binary data byte"), or in UTF-16, which says so itself. */
function isText(start: Uint8Array): boolean {
  const [first, second] = start;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true;
  return !start.some((byte) => byte <= 0x08 || byte === 0x0b || (byte >= 0x0e && byte <= 0x1a) || (byte >= 0x1c && byte <= 0x1f));
}

/** Documents and programs that are archives themselves are recognized as what they are; each begins like any other archive. */
function isArchive(start: Uint8Array): boolean {
  return start[0] === 0x50 && start[1] === 0x4b && ((start[2] === 3 && start[3] === 4) || (start[2] === 5 && start[3] === 6));
}

/** A character for each byte: markup is ASCII. */
function latin(start: Uint8Array): string {
  return Array.from(start, (byte) => String.fromCharCode(byte)).join("");
}
