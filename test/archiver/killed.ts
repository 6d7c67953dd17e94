// The archiver is killed at a point of its traffic with a server, again and again, while segments keep coming.
import { expect } from "vitest";
import { type ArchiverProcess, startArchiver } from "./archiver-process.ts";
import type { FakeEdge } from "./fake-edge.ts";
import { conversationId, run, type Segment, segments, text } from "./segments.ts";
import type { TestBucket } from "./test-bucket.ts";
import type { Way } from "./way.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";

const AT = Date.UTC(2026, 10, 20, 12);
const CONVERSATIONS = 4;
const EVENTS = 150;

export interface Killing {
  rounds: number;
  /** The traffic that is counted. */
  way: Way;
  /** Chunks of bytes after which it dies: from 1 up to this. */
  chunks: number;
  seed: number;
  bucket: TestBucket;
  edge: FakeEdge;
  env: Record<string, string>;
}

/** A small generator of numbers in [0, 1): the same seed kills at the same points. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Where the work ends before that, it dies with the last acknowledgement, before it hears the answer. */
async function killedAfter(chunks: number, all: readonly Segment[], { way, edge, env }: Killing): Promise<void> {
  const open = new Set(all.map(({ head }) => head.sha256));
  for (const ack of edge.acks) open.delete(ack.sha256);
  const archiver = startArchiver(env);
  let seen = 0;
  way.onBytes = () => {
    seen += 1;
    if (seen === chunks) archiver.kill("SIGKILL");
  };
  edge.onAck = async (ack) => {
    open.delete(ack.sha256);
    if (open.size === 0) archiver.kill("SIGKILL");
  };
  expect(await archiver.ended).toBe("SIGKILL");
  way.onBytes = () => undefined;
  edge.onAck = async () => undefined;
}

/** Kills it `rounds` times and lets it finish. Resolves with all events, by conversation; `midway`: kills that left work undone. */
export async function killAgainAndAgain(killing: Killing): Promise<{ runs: SegmentEvent[][]; midway: number; last: ArchiverProcess }> {
  const { rounds, seed, bucket, edge, env } = killing;
  const random = numbers(seed);
  const runs: SegmentEvent[][] = [];
  const all: Segment[] = [];
  let midway = 0;
  for (let round = 0; round < rounds; round += 1) {
    for (let i = 0; i < CONVERSATIONS; i += 1) {
      const conversation = conversationId(`killed ${seed} ${round} ${i} ${bucket.config.bucket}`);
      const events = run(Array.from({ length: EVENTS }, (_, n) => text(`${round} ${i} ${n}`)), { conversation, at: AT });
      runs.push(events);
      const cut = segments(events, 60);
      all.push(...cut);
      await Promise.all(cut.map((segment) => bucket.put(segment)));
    }
    await killedAfter(1 + Math.floor(random() * killing.chunks), all, killing);
    const kept = new Set(await bucket.keys());
    const acked = new Set(edge.acks.map((ack) => ack.sha256));
    if (all.some(({ head }) => !acked.has(head.sha256))) midway += 1;
    for (const { key, head } of all) expect(kept.has(key) || acked.has(head.sha256), `${key} is gone without an ack in round ${round}`).toBe(true);
  }
  const last = startArchiver(env);
  // Most of what many kills left is still to be done, and the shares of who was killed last have to run out first.
  await expect.poll(() => bucket.keys(), { timeout: 60_000 + rounds * 5_000, interval: 250 }).toEqual([]);
  expect(new Set(edge.acks.map((ack) => ack.sha256))).toEqual(new Set(all.map(({ head }) => head.sha256)));
  return { runs, midway, last };
}
