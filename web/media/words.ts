// What is said of a file: its kind, size and length in words. Pure.
import type { Media } from "../../client/client.ts";

const KINDS: Readonly<Record<string, string>> = { image: "Photo", video: "Video", audio: "Voice message", document: "File" };

export function kindWord(content_type: string): string {
  return KINDS[content_type] ?? "Message";
}

/** A message in a few words: what it says, or else what it is. */
export function briefOf({ content, content_type, media }: { content: string; content_type: string; media?: Media | Record<string, unknown> | undefined }): string {
  if (content !== "" || content_type === "text") return content;
  return content_type === "document" && typeof media?.["name"] === "string" ? media["name"] : kindWord(content_type);
}

const UNITS = ["bytes", "kB", "MB", "GB"];

/** `1 byte`, `980 bytes`, `1.4 kB`, `23 MB`: in thousands, as systems show it. */
export function sizeWords(bytes: number): string {
  if (bytes === 1) return "1 byte";
  let [size, unit] = [bytes, 0];
  for (; size >= 999.5 && unit < UNITS.length - 1; unit++) size /= 1_000;
  return `${unit === 0 || size >= 9.95 ? Math.round(size) : size.toFixed(1)} ${UNITS[unit]}`;
}

/** `0:07`, `12:30`, `1:02:03`. */
export function lengthWords(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const two = (n: number) => String(n).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** For screen readers: `7 seconds`, `2 minutes 5 seconds`. */
export function spokenLength(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const of = (n: number, word: string) => (n === 0 ? "" : `${n} ${word}${n === 1 ? "" : "s"}`);
  return [of(Math.floor(seconds / 60), "minute"), of(seconds % 60, "second")].filter((part) => part !== "").join(" ") || "0 seconds";
}
