// What an erased person sent, in objects of the bucket: older copies of segments that were put again, and those that are wrong
// and wait for a person to look at them. What a conversation itself has planned, it puts again without it.
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import * as v from "valibot";
import { holdsContent } from "../../domain/erasure.ts";
import { encodeSegment, ERASED_SALT, parseSegmentKey, SegmentEvent, SHA256_METADATA } from "../../protocol/segment.ts";
import { TEXT_BYTES } from "../checked-segment.ts";
import { isOwed, withoutContent } from "../erasures.ts";
import type { StoredObject } from "../s3.ts";
import type { Sweep } from "./archived-rows.ts";

/** `unreadable`: nobody can say what it holds. */
export type Found = { kind: "clean" } | { kind: "owed"; without: StoredObject } | { kind: "unreadable" };

const zip = promisify(gzip);
const unzip = promisify(gunzip);

/** May the object hold what somebody sent in one of these conversations? One under a key that is none may hold anything. */
export function mayHold(key: string, conversations: ReadonlySet<string>): boolean {
  const place = parseSegmentKey(key);
  return place === null || conversations.has(place.conversation_id);
}

export async function examine(object: StoredObject | "too_large", sweep: Pick<Sweep, "user_id" | "until">): Promise<Found> {
  const lines = object === "too_large" ? null : await linesOf(object.bytes);
  if (object === "too_large" || lines === null) return { kind: "unreadable" };
  const swept = lines.map((line) => sweptLine(line, sweep));
  if (swept.every((line, i) => line === lines[i])) return { kind: "clean" };
  const text = swept.map((line) => `${line}\n`).join("");
  // A hash that was right stays right; one that was wrong keeps the segment where it is, for whoever looks at it.
  const right = object.metadata[SHA256_METADATA] === sha256(lines.map((line) => `${line}\n`).join(""));
  const metadata = right ? { ...object.metadata, [SHA256_METADATA]: sha256(text) } : object.metadata;
  return { kind: "owed", without: { bytes: await zip(text), metadata } };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** null: it can't be unpacked, or is no text of lines. */
async function linesOf(bytes: Uint8Array): Promise<string[] | null> {
  try {
    const text = (await unzip(bytes, { maxOutputLength: TEXT_BYTES })).toString("utf8");
    const lines = text.split("\n");
    if (lines.at(-1) === "") lines.pop();
    return lines.every((line) => v.is(v.record(v.string(), v.unknown()), JSON.parse(line))) ? lines : null;
  } catch {
    // Whatever is wrong with it, it is not to be read.
    return null;
  }
}

/** The same line where it has nothing of this person's. One that is no event loses whatever it could hold. */
function sweptLine(line: string, { user_id, until }: Pick<Sweep, "user_id" | "until">): string {
  const value = JSON.parse(line) as Record<string, unknown>;
  if (value["sender_id"] !== user_id || value["salt"] === ERASED_SALT) return line;
  const event = v.safeParse(SegmentEvent, value);
  if (event.success) return isOwed(event.output, new Map([[user_id, until]])) ? encodeSegment([withoutContent(event.output, until).event]).trimEnd() : line;
  if (typeof value["type"] === "string" && !holdsContent(value["type"])) return line;
  const { conversation_id, epoch, seq, msg_id, sender_id, type } = value;
  const bare = JSON.stringify({ conversation_id, epoch, seq, msg_id, sender_id, type });
  return bare;
}
