// Several archiver processes on one bucket and one store: what they share, and what happens when one is killed, suspended
// or stopped. Registered for both stores by test/archiver/many.*.test.ts.
import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import type { ArchiveAck } from "../../protocol/archive.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import type { ArchiveStore } from "../../archiver/stores/store.ts";
import { readAll } from "../contracts/archive-store.ts";
import { type ArchiverProcess, environment, startArchiver } from "./archiver-process.ts";
import { FakeEdge } from "./fake-edge.ts";
import { conversationId, run, type Segment, segments, text } from "./segments.ts";
import { TestBucket } from "./test-bucket.ts";

const AT = Date.UTC(2026, 10, 20, 12);
const LEASE_MS = 3_000;
/** Segments that one archiver has in hand at once, of six conversations: at most as many are done twice when it goes away. */
const IN_HAND = 6 * 4;

/** The store of one test: what an archiver is told of it, and a way in. */
export interface Place {
  env: Record<string, string>;
  store: ArchiveStore;
  /** Answers at once whether nobody is in the middle of a transaction; absent: that would hold up nobody. */
  isFree?: () => boolean;
}

let count = 0;

export function manyArchivers(name: string, newPlace: () => Promise<Place>): void {
  describe(name, () => {
    let bucket: TestBucket;
    let edge: FakeEdge;
    let place: Place;

    beforeEach(async () => {
      count += 1;
      [bucket, edge, place] = await Promise.all([TestBucket.make(), new FakeEdge().open(), newPlace()]);
      return async () => {
        bucket.close();
        await edge.close();
      };
    });

    const start = () => startArchiver({ ...environment(bucket.config, edge.url, ""), ...place.env, ARCHIVER_LEASE_MS: String(LEASE_MS) });
    /** The last share that it told of. */
    const shareOf = ({ lines }: ArchiverProcess) => {
      const last = lines.findLast((line) => line.includes('"event":"archive_share"'));
      return last === undefined ? null : (JSON.parse(last) as { archiver: string; archivers: number; shards: number });
    };
    /** How often any of them has seen another one come or go. */
    const changes = (all: readonly ArchiverProcess[]) => all.reduce((sum, { lines }) => sum + lines.filter((line) => line.includes('"event":"archive_share"')).length, 0);
    const sharing = (among: number, ...archivers: ArchiverProcess[]) =>
      expect.poll(() => archivers.map((archiver) => shareOf(archiver)?.archivers), { timeout: 60_000, interval: 50 }).toEqual(archivers.map(() => among));
    const archived = ({ lines }: ArchiverProcess) => lines.filter((line) => line.includes('"event":"segment_archived"')).length;
    const emptied = () => expect.poll(() => bucket.keys(), { timeout: 90_000, interval: 100 }).toEqual([]);

    async function put(conversations: number, label = ""): Promise<{ runs: SegmentEvent[][]; all: Segment[] }> {
      const runs = Array.from({ length: conversations }, (_, i) =>
        run(Array.from({ length: 60 }, (__, n) => text(`${i} ${n}`)), { conversation: conversationId(`many ${bucket.config.bucket} ${name} ${count} ${label} ${i}`), at: AT }));
      const all = runs.flatMap((events) => segments(events, 20));
      await Promise.all(all.map((segment) => bucket.put(segment)));
      return { runs, all };
    }

    async function expectExactly({ runs, all }: { runs: SegmentEvent[][]; all: Segment[] }): Promise<void> {
      for (const events of runs) expect(await readAll(place.store, events)).toEqual(events);
      const keys = (heads: readonly ArchiveAck[]) => [...new Set(heads.map((head) => `${head.conversation_id} ${head.from_seq} ${head.sha256}`))].toSorted();
      expect(keys(edge.acks)).toEqual(keys(all.map(({ head }) => head)));
    }

    /** Segments that were acknowledged more than once, each time counted. */
    const doubles = () => edge.acks.length - new Set(edge.acks.map((ack) => ack.sha256)).size;

    /** Resolves once the n-th acknowledgement from now is about to be answered, which then waits for `go`. */
    function atAck(n: number): { reached: Promise<void>; go: () => void } {
      const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      let seen = 0;
      edge.onAck = async () => {
        seen += 1;
        if (seen < n) return;
        reached.resolve();
        await gate.promise;
      };
      return { reached: reached.promise, go: gate.resolve };
    }

    /** Not within a transaction of the embedded store, whose lock would hold up everybody until it goes on. */
    async function suspend(archiver: ArchiverProcess): Promise<void> {
      for (;;) {
        archiver.kill("SIGSTOP");
        await archiver.suspended();
        if (place.isFree?.() !== false) return;
        archiver.kill("SIGCONT");
      }
    }

    test("[B18] three archivers share the work without a coordinator: every segment is archived once, by one of them", async () => {
      const all = [start(), start(), start()];
      await sharing(3, ...all);
      const before = changes(all);
      expect(all.reduce((sum, archiver) => sum + (shareOf(archiver)?.shards ?? 0), 0)).toBe(256);
      const work = await put(40);
      await emptied();
      await expectExactly(work);
      // On a machine that is busy for longer than a lease, one is taken for dead: then what it has in hand is done twice.
      expect(doubles()).toBeLessThanOrEqual(IN_HAND * (changes(all) - before));
      await expect.poll(() => all.reduce((sum, archiver) => sum + archived(archiver), 0), { timeout: 10_000 }).toBe(work.all.length);
      for (const archiver of all) expect(archived(archiver)).toBeGreaterThan(0);
    });

    test("[B18] one that is killed in the middle loses nothing: its shards are taken over once its lease has ended", async () => {
      const [first, second] = [start(), start()];
      await sharing(2, first, second);
      const { reached, go } = atAck(6);
      const work = await put(30);
      await reached;
      first.kill("SIGKILL");
      await first.ended;
      go();
      await emptied();
      expect(shareOf(second)).toMatchObject({ archivers: 1, shards: 256 });
      await expectExactly(work);
      expect(doubles()).toBeLessThanOrEqual(IN_HAND);
    });

    test("[B18] one that is suspended beyond its lease and goes on takes up its share anew, and does nobody harm", async () => {
      const [first, second] = [start(), start()];
      await sharing(2, first, second);
      const { reached, go } = atAck(6);
      const work = await put(20);
      await reached;
      await suspend(first);
      go();
      await sharing(1, second);
      await emptied();
      const later = await put(20, "later");
      await emptied();
      const before = archived(first);
      first.kill("SIGCONT");
      await sharing(2, second);
      const last = await put(20, "last");
      await emptied();
      await expectExactly({ runs: [...work.runs, ...later.runs, ...last.runs], all: [...work.all, ...later.all, ...last.all] });
      expect(doubles()).toBeLessThanOrEqual(IN_HAND);
      await expect.poll(() => archived(first), { timeout: 10_000 }).toBeGreaterThan(before);
    });

    test("[B18] one that is stopped ends the steps in hand and gives up its lease; the other takes over at once", async () => {
      const [first, second] = [start(), start()];
      await sharing(2, first, second);
      const { reached, go } = atAck(4);
      const work = await put(30);
      await reached;
      first.kill("SIGTERM");
      go();
      expect(await first.ended).toBe(0);
      const observer = randomUUID();
      const living = await place.store.beat(observer, LEASE_MS);
      await place.store.leave(observer);
      expect(living).not.toContain(shareOf(first)?.archiver);
      expect(living).toContain(shareOf(second)?.archiver);
      await emptied();
      await expectExactly(work);
      // Abandoned between its acknowledgement and its deletion, one in hand is acknowledged again.
      expect(doubles()).toBeLessThanOrEqual(IN_HAND);
    });
  });
}
