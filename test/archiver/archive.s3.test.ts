// The archiver's loop over a real S3 server: what it may do in which order, and what it does with what is wrong.
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { StoreUnavailable } from "../../archiver/stores/store.ts";
import { encodeSegment, ERASED_SALT, segmentMetadata, type SegmentEvent } from "../../protocol/segment.ts";
import { readAll } from "../contracts/archive-store.ts";
import { conversationId, EVERY_TYPE, run, type Segment, segment, segments, sha256, text } from "./segments.ts";
import { type Around, Crash, metric, World } from "./world.ts";

const AT = Date.UTC(2026, 10, 20, 12);
const chat = (name: string, length: number) => run(Array.from({ length }, (_, i) => text(`${name} ${i + 1}`)), { conversation: conversationId(name), at: AT });

test("[B18] what was sealed is archived, acknowledged and only then gone", async () => {
  const world = await World.make();
  const events = [...run(EVERY_TYPE, { conversation: conversationId("all"), at: AT }), ...run(Array.from({ length: 30 }, (_, i) => text(`${i}`)), { conversation: conversationId("all"), at: AT, fromSeq: EVERY_TYPE.length + 1 })];
  const cut = segments(events, 10);
  await world.put(...cut);
  const { archiver, store, metrics } = world.archiver();
  expect(await archiver.pass()).toBe(false);
  expect(await readAll(store, events)).toEqual(events);
  expect(world.edge.acks).toEqual(cut.map(({ head }) => head));
  expect(await world.bucket.keys()).toEqual([]);
  expect(await store.readReached(conversationId("all"), 1)).toBe(events.length);
  expect(await metric(metrics, "archived")).toBe(cut.length);
  expect(await metric(metrics, "rows", { outcome: "written" })).toBe(events.length);
  expect(await metric(metrics, "backlogSegments")).toBe(0);
});

test("[B18] segments of one conversation go in the order of seq, though their keys sort otherwise", async () => {
  const world = await World.make();
  const cut = segments(chat("order", 60), 5);
  await world.put(...cut);
  expect(await world.bucket.keys()).not.toEqual(cut.map(({ key }) => key));
  await world.archiver().archiver.pass();
  expect(world.edge.acks.map((ack) => ack.from_seq)).toEqual(cut.map(({ head }) => head.from_seq));
});

describe("a crash after any effect", () => {
  const events = chat("crash", 7);
  const edit = run([{ type: "edit", target_msg_id: events[0]?.msg_id as string, target_seq: 1, content: "edited" }], { conversation: conversationId("crash"), at: AT + 5_000, fromSeq: 8 });
  const all = [...events, ...edit];

  async function crashAt(step: number): Promise<{ world: World; crashed: boolean; done: string[] }> {
    const world = await World.make();
    await world.put(...segments(all, 4));
    const done: string[] = [];
    const around: Around = async (effect, work) => {
      const answer = await work();
      done.push(effect);
      if (done.length === step) throw new Crash(effect);
      return answer;
    };
    const { archiver, store } = world.archiver({ around });
    const crashed = await archiver.pass().then(() => false, (error: unknown) => {
      if (error instanceof Crash) return true;
      throw error;
    });
    await store.close();
    return { world, crashed, done };
  }

  test("[B18] replays to the same rows; nothing is deleted before its ack, nor acknowledged before its read-back", async () => {
    let step = 1;
    for (; ; step += 1) {
      const { world, crashed, done } = await crashAt(step);
      const { archiver, store } = world.archiver();
      const kept = await world.bucket.keys();
      for (const { key, head } of segments(all, 4)) {
        const acked = world.edge.acks.some((ack) => ack.from_seq === head.from_seq);
        expect(acked || kept.includes(key), `gone without an ack after ${done.at(-1)}`).toBe(true);
      }
      await store.open();
      for (const ack of world.edge.acks) {
        const there = await readAll(store, all.slice(ack.from_seq - 1, ack.to_seq));
        expect(there, `acknowledged but not stored after ${done.at(-1)}`).toEqual(all.slice(ack.from_seq - 1, ack.to_seq));
        expect(done.slice(0, done.indexOf("edge.ack")).filter((effect) => effect === "store.readBack" || effect === "store.readProof").length).toBeGreaterThanOrEqual(2);
      }
      await archiver.pass();
      expect(await readAll(store, all)).toEqual(all);
      expect(new Set(world.edge.keys()).size).toBe(2);
      expect(await world.bucket.keys()).toEqual([]);
      expect(await store.readReached(conversationId("crash"), 1)).toBe(8);
      if (!crashed) break;
    }
    // open, check; of each of the two read, ack, delete; of both epochs, the ledger twice, holds, erasures, read back, write, read back, holds, erasures, record, reached
    expect(step).toBe(2 + 2 * 3 + 12 + 1);
  });
});

describe("a segment that is wrong", () => {
  const events = chat("wrong", 5);
  const good = segment(events);
  const second = run([text("late")], { conversation: conversationId("wrong"), at: AT + 9_000, fromSeq: 6 });
  const forged = events.map((event, i): SegmentEvent => (i === 2 ? ({ ...event, content: "forged" } as SegmentEvent) : event));
  const resealed = (changed: string, more: Partial<Segment["head"]> = {}): Segment => {
    const head = { ...good.head, sha256: sha256(changed), ...more };
    return { ...good, head, ndjson: changed, bytes: gzipSync(changed), metadata: segmentMetadata(head) };
  };
  const lines = good.ndjson.split("\n");
  const cases: Record<string, { put: Pick<Segment, "key" | "bytes" | "metadata">; reason: string }> = {
    "altered bytes": { put: { ...good, bytes: good.bytes.map((byte, i) => (i === 60 ? byte ^ 1 : byte)) }, reason: "gzip" },
    "a truncated object": { put: { ...good, bytes: good.bytes.subarray(0, good.bytes.length - 20) }, reason: "gzip" },
    "another text": { put: { ...good, bytes: gzipSync(encodeSegment(forged)) }, reason: "sha256" },
    "a forged content under a new hash": { put: resealed(encodeSegment(forged)), reason: "content_hash" },
    "a line less": { put: resealed(`${lines.slice(0, 3).join("\n")}\n`), reason: "range" },
    "a hole": { put: resealed(`${[...lines.slice(0, 2), ...lines.slice(3)].join("\n")}`), reason: "undecodable" },
    "a line that is no event": { put: resealed(good.ndjson.replace('"type":"msg"', '"type":"poll"')), reason: "undecodable" },
    "text that is not JSON": { put: resealed("hello\n"), reason: "undecodable" },
    "another conversation's events": { put: { ...segment(chat("another", 5)), key: good.key }, reason: "range" },
    "a format of later": { put: { ...good, metadata: { ...good.metadata, "confab-format": "2" } }, reason: "format" },
    "no metadata": { put: { ...good, metadata: {} }, reason: "format" },
    "other seqs in the metadata": { put: { ...good, metadata: { ...good.metadata, "confab-to-seq": "6" } }, reason: "metadata" },
    "another count": { put: { ...good, metadata: { ...good.metadata, "confab-count": "4" } }, reason: "metadata" },
    "no hash": { put: { ...good, metadata: { ...good.metadata, "confab-sha256": "" } }, reason: "metadata" },
    "a foreign object": { put: { ...good, key: "segments/notes.txt" }, reason: "key" },
    "another shard": { put: { ...good, key: good.key.replace(/\/[0-9a-f]{2}\//, good.key.startsWith("segments/00/") ? "/01/" : "/00/") }, reason: "key" },
  };

  test.each(Object.entries(cases))("[B18] %s: it stays, is never acknowledged, and holds up nothing else", async (_name, { put, reason }) => {
    const world = await World.make();
    await world.bucket.put(put);
    await world.put(segment(second));
    const { archiver, store, metrics } = world.archiver();
    await archiver.pass();
    await archiver.pass();
    expect(await world.bucket.keys()).toEqual([put.key]);
    expect(world.edge.acks).toEqual([segment(second).head]);
    expect(await readAll(store, [...events, ...second])).toEqual(second);
    expect(await metric(metrics, "quarantined")).toBe(1);
    // Once, though there were two passes: it is not tried again soon.
    expect(await metric(metrics, "errors", { kind: reason })).toBe(1);
    expect(await metric(metrics, "backlogSegments")).toBe(1);
  });

  test("[B18] it is tried again when its time has come, and at once when another object is in its place", async () => {
    const world = await World.make();
    await world.bucket.put({ ...good, metadata: {} });
    const { archiver, metrics } = world.archiver();
    await archiver.pass();
    world.now = () => Date.now() + 2 * 3_600_000;
    await archiver.pass();
    expect(await metric(metrics, "errors", { kind: "format" })).toBe(2);
    await world.bucket.put({ ...good, bytes: gzipSync(encodeSegment(forged)), metadata: {} });
    await archiver.pass();
    expect(await metric(metrics, "errors", { kind: "format" })).toBe(3);
    await world.put({ ...good, bytes: gzipSync(good.ndjson, { level: 1 }) });
    await archiver.pass();
    expect(world.edge.acks).toEqual([good.head]);
    expect(await metric(metrics, "quarantined")).toBe(0);
  });

  test("[B9] a segment of the ledger is acknowledged and deleted again without a write; one with another hash is kept", async () => {
    const world = await World.make();
    await world.put(good);
    await world.archiver().archiver.pass();
    await world.put(good);
    const effects: string[] = [];
    const { archiver, metrics } = world.archiver({ around: async (effect, work) => {
      effects.push(effect);
      return work();
    } });
    await archiver.pass();
    expect(effects).toEqual(["store.open", "store.check", "bucket.read", "store.epochs", "store.ledgerBefore", "store.ledgerAfter", "edge.ack", "store.reached", "bucket.delete"]);
    expect(world.edge.acks).toEqual([good.head, good.head]);
    const other = segment(run(events.map((_, i) => text(`other ${i}`)), { conversation: conversationId("wrong"), at: AT }));
    await world.put(other);
    await archiver.pass();
    expect(await world.bucket.keys()).toEqual([other.key]);
    expect(world.edge.acks).toHaveLength(2);
    expect(await metric(metrics, "errors", { kind: "ledger" })).toBe(1);
  });

  test("[B9] a segment whose rows are archived with another content is kept, and the rows stay", async () => {
    const world = await World.make();
    await world.put(good);
    const { archiver, store, metrics } = world.archiver();
    await archiver.pass();
    const longer = segment(run([...events.map((_, i) => text(`other ${i}`)), text("more")], { conversation: conversationId("wrong"), at: AT }));
    await world.put(longer);
    await archiver.pass();
    expect(await world.bucket.keys()).toEqual([longer.key]);
    expect(await metric(metrics, "errors", { kind: "rows" })).toBe(1);
    expect(await readAll(store, events)).toEqual(events);
  });
});

describe("an edge that refuses", () => {
  const one = segment(chat("one", 3));
  const two = segment(chat("two", 3));

  test.each([[409, "archive_conflict"], [404, "not_found"]])("[B18] %i: the object is kept, counted and not tried again soon", async (status, code) => {
    const world = await World.make();
    await world.put(one, two);
    world.edge.refuse = (ack) => (ack.conversation_id === one.head.conversation_id ? { status, code } : "ack");
    const { archiver, metrics } = world.archiver();
    await archiver.pass();
    await archiver.pass();
    expect(await world.bucket.keys()).toEqual([one.key]);
    expect(world.edge.acks).toEqual([two.head]);
    expect(world.edge.refused).toHaveLength(1);
    expect(await metric(metrics, "ackFailures", { status: String(status) })).toBe(1);
    expect(await metric(metrics, "refused")).toBe(1);
    expect(await metric(metrics, "quarantined")).toBe(0);
  });

  test("[B18] a conversation that is not ready is asked again soon, from the ledger", async () => {
    const world = await World.make();
    await world.put(one);
    world.edge.refuse = () => ({ status: 503, code: "unavailable" });
    const { archiver, metrics } = world.archiver();
    await archiver.pass();
    world.edge.refuse = () => "ack";
    world.now = () => Date.now() + 1_000;
    await archiver.pass();
    expect(await world.bucket.keys()).toEqual([]);
    expect(await metric(metrics, "rows", { outcome: "written" })).toBe(0);
    expect(await metric(metrics, "rows", { outcome: "present" })).toBe(3);
  });

  test("[B18] an edge that takes no token, or does not answer, stops the pass", async () => {
    const world = await World.make();
    await world.put(one);
    world.edge.refuse = () => null;
    await expect(world.archiver().archiver.pass()).rejects.toMatchObject({ name: "EdgeUnavailable" });
    world.edge.refuse = () => ({ status: 401, code: "unauthorized" });
    await expect(world.archiver().archiver.pass()).rejects.toThrow("ARCHIVE_SECRET");
    expect(await world.bucket.keys()).toEqual([one.key]);
  });

  test("[B18] a connection that closes just as it is used costs nothing: the acknowledgement is sent once more", async () => {
    const world = await World.make();
    await world.put(one);
    let asked = 0;
    world.edge.refuse = () => ((asked += 1) === 1 ? null : "ack");
    await world.archiver().archiver.pass();
    expect([asked, await world.bucket.keys()]).toEqual([2, []]);
  });
});

test("[B9] two archivers at once leave every row once and nothing behind", async () => {
  const world = await World.make();
  const runs = Array.from({ length: 12 }, (_, i) => chat(`twins ${i}`, 40));
  await world.put(...runs.flatMap((events) => segments(events, 10)));
  const [left, right] = [world.archiver(), world.archiver()];
  await Promise.all([left.archiver.pass(), right.archiver.pass()]);
  for (const events of runs) expect(await readAll(left.store, events)).toEqual(events);
  expect(await world.bucket.keys()).toEqual([]);
  expect(new Set(world.edge.keys()).size).toBe(48);
  const written = (await metric(left.metrics, "rows", { outcome: "written" })) + (await metric(right.metrics, "rows", { outcome: "written" }));
  expect(written).toBeGreaterThanOrEqual(480);
});

test("[C10] a store that is down stops nothing but the archive, and the archive catches up", async () => {
  const world = await World.make();
  let down = true;
  const around: Around = async (effect, work) => {
    if (down && effect.startsWith("store.")) throw new StoreUnavailable("down for the test");
    return work();
  };
  const stop = new AbortController();
  const { archiver, store, metrics } = world.archiver({ around, signal: stop.signal });
  const ended = archiver.run();
  const events = chat("outage", 20);
  await world.put(...segments(events, 10));
  await expect.poll(() => metric(metrics, "backlogSegments"), { timeout: 15_000 }).toBe(2);
  await expect.poll(() => metric(metrics, "errors", { kind: "store_unavailable" }), { timeout: 15_000 }).toBeGreaterThanOrEqual(2);
  expect(await metric(metrics, "up", { part: "store" })).toBe(0);
  expect(world.edge.acks).toEqual([]);
  expect(await world.bucket.keys()).toHaveLength(2);
  down = false;
  await expect.poll(() => world.bucket.keys(), { timeout: 20_000 }).toEqual([]);
  expect(await readAll(store, events)).toEqual(events);
  await expect.poll(() => metric(metrics, "backlogSegments"), { timeout: 5_000 }).toBe(0);
  expect(await metric(metrics, "up", { part: "store" })).toBe(1);
  stop.abort();
  await ended;
});

test("[B18] a row that the store took and lost is not acknowledged until it reads back", async () => {
  const world = await World.make();
  const events = chat("lossy", 10);
  await world.put(segment(events));
  let lossy = true;
  const { archiver, store } = world.archiver();
  const write = store.write.bind(store);
  store.write = (writes) => write(lossy ? { ...writes, rows: writes.rows.filter((row) => row.seq !== 7) } : writes);
  await expect(archiver.pass()).rejects.toThrow("1 written rows were not read back");
  expect(world.edge.acks).toEqual([]);
  expect(await world.bucket.keys()).toEqual([segment(events).key]);
  lossy = false;
  await archiver.pass();
  expect(await readAll(store, events)).toEqual(events);
  expect(world.edge.acks).toEqual([segment(events).head]);
});

test("[B18] a stop ends after the step in hand; the next start finishes the segment", async () => {
  const world = await World.make();
  const events = chat("stop", 20);
  await world.put(...segments(events, 10));
  const stop = new AbortController();
  const effects: string[] = [];
  const { archiver, store } = world.archiver({
    signal: stop.signal,
    around: async (effect, work) => {
      effects.push(effect);
      if (effect === "store.write") stop.abort();
      return work();
    },
  });
  await archiver.run();
  expect(effects.at(-1)).toBe("store.write");
  expect(world.edge.acks).toEqual([]);
  await store.close();
  const next = world.archiver();
  await next.archiver.pass();
  expect(await readAll(next.store, events)).toEqual(events);
  expect(await world.bucket.keys()).toEqual([]);
});

describe("a deletion changes a segment that waits", () => {
  const conversation = conversationId("erased");
  const [first, second] = run([text("planted"), text("stays")], { conversation, at: AT }) as [SegmentEvent, SegmentEvent];
  const before = segment([first, second]);
  const after = segment([{ ...first, content: "", salt: ERASED_SALT, erased: second.msg_id } as SegmentEvent, second]);

  test("[C10] what was stored of it is brought up to date, and only then acknowledged", async () => {
    const world = await World.make();
    // The conversation has planned anew since this copy was read.
    world.edge.refuse = (ack) => (ack.sha256 === after.head.sha256 ? "ack" : { status: 409, code: "archive_conflict" });
    await world.put(before);
    const { archiver, store } = world.archiver();
    await archiver.pass();
    expect(JSON.stringify(await readAll(store, before.events))).toContain("planted");
    expect(await world.bucket.keys()).toEqual([before.key]);
    await world.put(after);
    await archiver.pass();
    expect(world.edge.acks).toEqual([after.head]);
    expect(JSON.stringify(await readAll(store, before.events))).not.toContain("planted");
    expect((await store.ledger(before.head))?.sha256).toBe(after.head.sha256);
    expect(await world.bucket.keys()).toEqual([]);
  });

  test("[C10] it is put again while the older copy is in hand: the older one is not acknowledged, and brings nothing back", async () => {
    const world = await World.make();
    world.edge.refuse = (ack) => (ack.sha256 === after.head.sha256 ? "ack" : { status: 409, code: "archive_conflict" });
    await world.put(before);
    const around: Around = async (effect, work) => {
      const answer = await work();
      // Another archiver does all of the work between the read and the first write.
      if (effect === "bucket.read") {
        await world.put(after);
        await world.archiver().archiver.pass();
      }
      return answer;
    };
    const { archiver, store } = world.archiver({ around });
    await archiver.pass();
    expect(world.edge.acks.every((ack) => ack.sha256 === after.head.sha256)).toBe(true);
    expect(JSON.stringify(await readAll(store, before.events))).not.toContain("planted");
    expect((await store.ledger(before.head))?.sha256).toBe(after.head.sha256);
    expect(await world.bucket.keys()).toEqual([]);
  });

  test("[A4] another text without a deletion is no reason to change what is stored", async () => {
    const world = await World.make();
    const forged = segment(run([text("forged"), text("stays")], { conversation, at: AT }));
    await world.put(before);
    const { archiver, store, metrics } = world.archiver();
    await archiver.pass();
    await world.put(forged);
    await archiver.pass();
    expect(await readAll(store, before.events)).toEqual(before.events);
    expect(await metric(metrics, "quarantined")).toBe(1);
  });
});
