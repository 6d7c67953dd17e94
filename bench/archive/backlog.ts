// The backlog: segments as conversations seal them, the same ones for the same numbers, and what must be found of them after.
import { hash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { chainOver, chainStart } from "../../protocol/chain.ts";
import { msgIdAt } from "../../protocol/msg-id.ts";
import { contentText, encodeSegment, segmentKey, segmentMetadata, type SegmentEvent } from "../../protocol/segment.ts";
import { Fingerprint } from "./fingerprint.ts";
import type { Options } from "./options.ts";
import { s3Client, type Servers } from "./servers.ts";

const BODY_BYTES = 200;
/** PUTs under way at once. */
const WIDTH = 8;
const WORDS = "the archive of every message that anybody sent is written once read back counted and kept for seven years in one order".split(" ");
/** One month holds all: the latest that has passed whole. */
const START = Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() - 1, 2);
const SECOND_US = 1_000_000;

type Shape = Pick<Options, "messages" | "conversations" | "segment">;

/** A conversation of the backlog. */
export interface Expected {
  conversation_id: string;
  msg_ids: string[];
  fingerprint: Fingerprint;
}

function contentOf(seed: string): string {
  const digest = hash("sha256", seed, "buffer");
  let text = "";
  for (let i = 0; text.length < BODY_BYTES; i += 1) text += `${WORDS[(digest[i % 32] as number) % WORDS.length] as string} `;
  return text.slice(0, BODY_BYTES);
}

function eventOf(conversation_id: string, seq: number): SegmentEvent {
  const seed = `${conversation_id} ${seq}`;
  const digest = hash("sha256", seed, "buffer");
  const clock = START * 1_000 + seq * SECOND_US;
  const salt = digest.toString("hex", 8, 24);
  const event = {
    conversation_id, epoch: 1, seq, msg_id: msgIdAt(clock, digest.subarray(0, 8)), sender_id: `user-${(digest[31] as number) % 10}`,
    sent_at: Math.floor(clock / 1_000), client_msg_id: digest.toString("hex", 0, 16), type: "msg" as const, msg_no: seq,
    content: contentOf(seed), content_type: "text" as const,
  };
  return { ...event, salt, content_hash: hash("sha256", Buffer.concat([Buffer.from(salt, "hex"), Buffer.from(contentText(event))])) };
}

/** Puts one conversation's segments and says what they hold. */
async function putConversation(index: number, { messages, conversations, segment }: Shape, put: (key: string, bytes: Uint8Array, metadata: Record<string, string>) => Promise<void>): Promise<Expected> {
  const conversation_id = `g.${hash("sha256", `bench ${index}`).slice(0, 32)}`;
  const length = messages / conversations;
  const expected: Expected = { conversation_id, msg_ids: [], fingerprint: new Fingerprint(length) };
  const sha256 = (bytes: Uint8Array) => hash("sha256", bytes);
  let chain = chainStart(conversation_id, sha256);
  for (let from = 1; from <= length; from += segment) {
    const events = Array.from({ length: Math.min(segment, length - from + 1) }, (_, i) => eventOf(conversation_id, from + i));
    for (const event of events) {
      expected.msg_ids.push(event.msg_id);
      expected.fingerprint.add({ ...event, body: contentText(event), content: (event as { content: string }).content });
    }
    const text = encodeSegment(events);
    const to = from + events.length - 1;
    const chain_before = chain;
    chain = chainOver(chain, events, sha256);
    const head = { conversation_id, chain_before, chain, epoch: 1, from_seq: from, to_seq: to, count: events.length, sha256: hash("sha256", text), format: 1 as const };
    await put(segmentKey(hash("sha256", conversation_id).slice(0, 2), conversation_id, 1, from, to), gzipSync(text), segmentMetadata(head));
  }
  return expected;
}

/** @param first number of the first conversation: others have others */
export async function putBacklog(options: Shape, settings: Servers["s3"], first = 0): Promise<{ expected: Expected[]; segments: number; bytes: number }> {
  const client = s3Client(settings);
  const expected: Expected[] = [];
  const counts = { segments: 0, bytes: 0 };
  const indexes = Array.from({ length: options.conversations }, (_, i) => first + i).values();
  const lane = async () => {
    for (const index of indexes) {
      expected.push(await putConversation(index, options, async (key, bytes, metadata) => {
        await client.send(new PutObjectCommand({ Bucket: settings.S3_BUCKET, Key: key, Body: bytes, Metadata: metadata }));
        counts.segments += 1;
        counts.bytes += bytes.length;
      }));
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, lane));
  client.destroy();
  return { expected, ...counts };
}
