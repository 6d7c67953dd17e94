// A segment that the bucket altered is reported to its conversation, which puts it again; then it is archived. What comes later is no use.
import { describe, expect, test } from "vitest";
import { chainOver, chainStart } from "../../protocol/chain.ts";
import { ERASED_SALT, type SegmentEvent } from "../../protocol/segment.ts";
import { readAll } from "../contracts/archive-store.ts";
import { conversationId, run, segment, sha256, text } from "./segments.ts";
import { metric, World } from "./world.ts";

const AT = Date.UTC(2026, 10, 20);
const events = run(Array.from({ length: 5 }, (_, i) => text(`m${i}`)), { conversation: conversationId("reseal"), at: AT });
const good = segment(events);
const { key, head: { conversation_id, epoch, from_seq, to_seq } } = good;
const REPORT = { conversation_id, epoch, from_seq, to_seq };

test("[C10] [B18] an altered segment is reported once for each try, put again by its conversation, and archived in the next pass", async () => {
  const world = await World.make();
  await world.bucket.put({ ...good, bytes: good.bytes.subarray(0, 40) });
  const { archiver, store, metrics } = world.archiver();
  await archiver.pass();
  await archiver.pass();
  expect(world.edge.wrong).toEqual([{ ...REPORT, reason: "gzip" }]);
  expect(await metric(metrics, "reported", { answer: "of_no_use" })).toBe(1);
  world.edge.onWrong = async () => {
    await world.put(good);
    return true;
  };
  world.now = () => Date.now() + 2 * 3_600_000;
  await archiver.pass();
  expect(await metric(metrics, "reported", { answer: "put_again" })).toBe(1);
  expect(await metric(metrics, "quarantined")).toBe(1);
  await archiver.pass();
  expect(world.edge.acks).toEqual([good.head]);
  expect(await readAll(store, events)).toEqual(events);
  expect(await world.bucket.keys()).toEqual([]);
  expect(await metric(metrics, "quarantined")).toBe(0);
});

test("[B18] an edge that knows no reports, or answers none, changes nothing of the quarantine", async () => {
  const world = await World.make();
  await world.bucket.put({ ...good, metadata: {} });
  await world.bucket.put({ ...good, key: "segments/notes.txt" });
  world.edge.onWrong = async () => null;
  const { archiver, metrics } = world.archiver();
  await archiver.pass();
  expect(await metric(metrics, "reported", { answer: "untold" })).toBe(1);
  expect(await metric(metrics, "reported", { answer: "foreign" })).toBe(1);
  expect(await metric(metrics, "quarantined")).toBe(2);
  expect((await world.bucket.keys()).toSorted()).toEqual([key, "segments/notes.txt"].toSorted());
});

describe("a segment is archived, and a copy of it from before a deletion arrives after all", () => {
  const conversation = conversationId("late");
  const [first, second] = run([text("planted"), text("stays")], { conversation, at: AT }) as [SegmentEvent, SegmentEvent];
  const erased = [{ ...first, content: "", salt: ERASED_SALT, erased: second.msg_id } as SegmentEvent, second];
  const chain_before = chainStart(conversation, sha256);
  const chained = { chain_before, chain: chainOver(chain_before, [first, second], sha256) };
  const late = segment([first, second], chained);

  async function archived(): Promise<{ world: World } & ReturnType<World["archiver"]>> {
    const world = await World.make();
    await world.put(segment(erased, chained));
    const made = world.archiver();
    await made.archiver.pass();
    await world.put(late);
    return { world, ...made };
  }

  test("[C10] it is deleted, with what the deletion took", async () => {
    const { world, archiver, store, metrics } = await archived();
    await archiver.pass();
    expect(await world.bucket.keys()).toEqual([]);
    expect(world.edge.acks).toHaveLength(1);
    expect(JSON.stringify(await readAll(store, late.events))).not.toContain("planted");
    expect(await metric(metrics, "quarantined")).toBe(0);
  });

  test.each([["has not acknowledged it, and puts its own again", true], ["does not answer", null]])("[A4] it is kept where the conversation %s", async (_what, answer) => {
    const { world, archiver } = await archived();
    world.edge.onWrong = async () => answer;
    await archiver.pass();
    expect(await world.bucket.keys()).toEqual([late.key]);
  });

  test("[A4] it is kept where other events are in it, or its chain is not known", async () => {
    const { world, archiver } = await archived();
    const forged = run([text("forged"), text("stays")], { conversation, at: AT });
    for (const other of [segment(forged, { chain_before, chain: chainOver(chain_before, forged, sha256) }), segment([first, second])]) {
      await world.put(other);
      await archiver.pass();
      expect(await world.bucket.keys()).toEqual([other.key]);
    }
  });
});
