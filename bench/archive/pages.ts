// Pages of 50 archived messages, read from the archiver as the edge reads them.
import { SignJWT } from "jose";
import { ARCHIVE_SCOPE, ARCHIVER_AUDIENCE } from "../../protocol/archive.ts";
import { bucketOf } from "../../protocol/msg-id.ts";
import { type Percentiles, Samples } from "../samples.ts";
import type { Expected } from "./backlog.ts";

const PAGE = 50;
const WARM_UP = 200;

/** Throws where a page is not the one that was asked for. */
async function readPage(url: string, token: string, { conversation_id, msg_ids }: Expected, at: number): Promise<void> {
  const wanted = msg_ids.slice(at, at + PAGE);
  const [first, last] = [wanted[0] as string, wanted.at(-1) as string];
  const response = await fetch(`${url}/v1/archive/read`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ conversation_id, ranges: [{ bucket: bucketOf(first), first, last, from_seq: at + 1, to_seq: at + wanted.length }] }),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`a page was answered with ${response.status}: ${text}`);
  const got = (JSON.parse(text) as { events: { msg_id: string }[] }).events.map(({ msg_id }) => msg_id);
  if (got.join() !== wanted.join()) throw new Error(`a page of ${conversation_id} has other events than were sealed`);
}

/** One after the other, anywhere in the backlog. In ms, from the request to the last byte. */
export async function readPages(url: string, secret: string, expected: readonly Expected[], count: number): Promise<Percentiles> {
  const samples = new Samples();
  const key = new TextEncoder().encode(secret);
  for (let i = -Math.min(WARM_UP, count); i < count; i += 1) {
    const token = await new SignJWT({ scope: ARCHIVE_SCOPE }).setProtectedHeader({ alg: "HS256" }).setAudience(ARCHIVER_AUDIENCE).setIssuedAt().setExpirationTime("60s").sign(key);
    const conversation = expected[Math.floor(Math.random() * expected.length)] as Expected;
    const at = Math.floor(Math.random() * Math.max(1, conversation.msg_ids.length - PAGE));
    const started = performance.now();
    await readPage(url, token, conversation, at);
    if (i >= 0) samples.add(performance.now() - started);
  }
  return samples.percentiles() as Percentiles;
}
