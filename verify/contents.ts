// What the planned messages say: texts that are easily damaged on their way through JSON, SQL, gzip and back. A message's text
// follows from the seed and its key alone, so that a run need not keep what it has sent.
import { type Random, seededBy } from "./random.ts";

export type PlannedType = "text" | "image" | "video" | "audio" | "document";

const TYPES: readonly PlannedType[] = ["text", "image", "video", "audio", "document"];
const DELICATE = [
  "naïve café", "mañana 日本語 한국어 עברית العربية", "👩‍👩‍👧‍👦🏳️‍🌈 👍🏽", "e\u0301 is not \u00e9", "a\u0000b\u0001c\u001f", "line\nline\r\nline\u2028line\u2029",
  "\ufeffa mark in front", "'; DROP TABLE events; --", "\"quoted\\\" \\u0041 \\", "<script>alert(1)</script>", "null", "0", " ", "\ufffd",
  "{\"type\":\"msg\"}", "__proto__", "aGVsbG8gd29ybGQ=", "\t tabs \t", "\u{10ffff}\u{1f600}", "%00%0a",
];
const WORDS = ["one", "two", "sea", "tea", "für", "dž", "море", "水", "🙂", "-"];
/** A little less than the most that one message may hold, in characters of three bytes. */
const LARGE = 21_000;
const LARGE_SHARE = 0.002;

export interface Content {
  content: string;
  content_type: PlannedType;
}

/** The key makes the text the only one of its kind, so that two messages are never mistaken for one another. */
export function contentOf(seed: number, key: string): Content {
  const random = seededBy(`${seed}:${key}`);
  const content_type = random.chance(0.8) ? "text" : random.pick(TYPES);
  const draw = random.next();
  if (draw < LARGE_SHARE) return { content: `${key} ${"€".repeat(random.int(1_000, LARGE))}`, content_type };
  if (draw < 0.3) return { content: `${key} ${random.pick(DELICATE)}`, content_type };
  if (draw < 0.35) return { content: bytes(random, key), content_type: "document" };
  const words = Array.from({ length: random.int(1, 20) }, () => random.pick(WORDS));
  return { content: `${key} ${words.join(" ")}`, content_type };
}

/** Opaque bytes, as an encrypting client would send them. */
function bytes(random: Random, key: string): string {
  const opaque = Uint8Array.from({ length: random.int(1, 200) }, () => random.int(0, 255));
  return Buffer.concat([Buffer.from(`${key}:`), opaque]).toString("base64");
}
