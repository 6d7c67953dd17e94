// A segment that the bucket altered is reported to its conversation, which puts it again; then it is archived.
import { expect, test } from "vitest";
import { readAll } from "../contracts/archive-store.ts";
import { conversationId, run, segment, text } from "./segments.ts";
import { metric, World } from "./world.ts";

const events = run(Array.from({ length: 5 }, (_, i) => text(`m${i}`)), { conversation: conversationId("reseal"), at: Date.UTC(2026, 10, 20) });
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
