// What the deployment takes a file for: its kind and type, from what the platform calls it. Pure.
import { MEDIA_KINDS } from "../../protocol/events.ts";
import { MEDIA_LIMITS, type MediaKind } from "../../protocol/media.ts";

/** What browsers and systems call some of the types that are known. */
const ALIASES: ReadonlyMap<string, string> = new Map(Object.entries({
  "image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "audio/mp3": "audio/mpeg", "audio/x-wav": "audio/wav", "audio/wave": "audio/wav",
  "audio/x-m4a": "audio/mp4", "audio/m4a": "audio/mp4", "audio/opus": "audio/ogg", "video/x-m4v": "video/mp4",
  "application/x-zip-compressed": "application/zip", "application/xhtml+xml": "text/html",
}));

/** Anything unknown is a document that is only ever offered as a file. */
export function mediaTypeOf(type: string): { kind: MediaKind; content_type: string } {
  const plain = (type.split(";")[0] ?? "").trim().toLowerCase();
  const known = ALIASES.get(plain) ?? plain;
  const kind = MEDIA_KINDS.find((one) => MEDIA_LIMITS[one].types.includes(known));
  if (kind !== undefined) return { kind, content_type: known };
  return { kind: "document", content_type: known.startsWith("text/") ? "text/plain" : "application/octet-stream" };
}

/** As a message may carry it; null where nothing is left of it. */
export function fileNameOf(name: string): string | null {
  const plain = name.toWellFormed().replaceAll(/[\p{Cc}/\\]/gu, "_").trim();
  if (plain.length <= 255) return plain === "" ? null : plain;
  // The end says what it is.
  const end = /\.[A-Za-z0-9]{1,10}$/.exec(plain)?.[0] ?? "";
  return plain.slice(0, 255 - end.length).toWellFormed() + end;
}
