// A segment that the bucket lost or altered: the conversation still has its bodies, and puts it again.
import { expect, test } from "vitest";
import { decideLookDue } from "../../domain/sealing.ts";
import { decodeSegment, parseSegmentKey } from "../../protocol/segment.ts";
import { CONVERSATION, type Put, Sealed } from "./sealed.ts";

const HOUR = 3_600_000;
const WRONG = { conversation_id: CONVERSATION, epoch: 1, from_seq: 1, to_seq: 4, reason: "gzip" };
const headOf = ({ key, metadata }: Put) => ({ ...parseSegmentKey(key), count: Number(metadata["confab-count"]), sha256: metadata["confab-sha256"], format: 1 }) as never;

async function sealed(): Promise<{ object: Sealed; put: Put }> {
  const object = new Sealed();
  object.append(4);
  await object.sealing.seal();
  return { object, put: object.puts[0] as Put };
}

/** As the object's alarm does: only once something is due. */
async function alarm(object: Sealed): Promise<void> {
  const due = object.sealing.sealDue(object.now);
  if (due === null) throw new Error("nothing is due");
  object.now = Math.max(object.now, due);
  object.wake();
  await object.sealing.seal();
}

test("[C10] [B18] a segment that went from the bucket before anybody archived it is noticed, and put again the same", async () => {
  const { object, put } = await sealed();
  object.bucket.clear();
  expect(object.sealing.sealDue(object.now)).toBe(object.now + HOUR);
  await alarm(object);
  expect(object.puts).toEqual([put, put]);
  expect(object.sealing.acknowledged(headOf(put))).toEqual({ ok: true, archived_seq: 4 });
  expect(object.sealing.sealDue(object.now)).toBeNull();
});

test("[B18] while it is there nothing is put, and each look waits twice as long, up to a day", async () => {
  const { object } = await sealed();
  const waits: number[] = [];
  for (let i = 0; i < 8; i += 1) {
    waits.push((object.sealing.sealDue(object.now) as number) - object.now);
    await alarm(object);
  }
  expect(waits.map((ms) => ms / HOUR)).toEqual([1, 2, 4, 8, 16, 24, 24, 24]);
  expect([object.puts.length, object.looks]).toEqual([1, 8]);
});

test("[C10] what an archiver reports as wrong is put again soon, without a look, and rarer each time", async () => {
  const { object, put } = await sealed();
  const waits: number[] = [];
  for (let i = 0; i < 8; i += 1) {
    expect(object.sealing.reportedWrong(WRONG)).toEqual({ ok: true, put_again: true });
    // The same report again changes nothing.
    object.sealing.reportedWrong(WRONG);
    waits.push((object.sealing.sealDue(object.now) as number) - object.now);
    await alarm(object);
  }
  expect(waits.map((ms) => ms / 1_000)).toEqual([10, 40, 160, 640, 2_560, 10_240, 40_960, 86_400]);
  expect(object.looks).toBe(0);
  expect(object.puts).toEqual(Array.from({ length: 9 }, () => put));
  expect(object.sealing.acknowledged(headOf(put))).toEqual({ ok: true, archived_seq: 4 });
});

test("[C10] however long it has waited for an archiver, what is found wrong then is put again after ten seconds", async () => {
  const { object, put } = await sealed();
  for (let i = 0; i < 6; i += 1) await alarm(object);
  expect([object.puts.length, object.looks]).toEqual([1, 6]);
  object.sealing.reportedWrong(WRONG);
  expect((object.sealing.sealDue(object.now) as number) - object.now).toBe(10_000);
  await alarm(object);
  expect(object.puts).toEqual([put, put]);
});

test("[C10] a deletion meanwhile is kept: what is put again has the content no more", async () => {
  const { object } = await sealed();
  object.sealing.reportedWrong(WRONG);
  object.delete(2);
  await alarm(object);
  object.now += 24 * HOUR;
  object.bucket.clear();
  await alarm(object);
  const last = decodeSegment((object.puts.findLast(({ key }) => key === object.puts[0]?.key) as Put).ndjson);
  expect(last[1]).toMatchObject({ seq: 2, content: "" });
});

test("[B18] an acknowledgement, or a deletion, while the bucket is asked: nothing is put that should not be", async () => {
  const acknowledged = await sealed();
  acknowledged.object.bucket.clear();
  acknowledged.object.during = () => acknowledged.object.sealing.acknowledged(headOf(acknowledged.put));
  await alarm(acknowledged.object);
  expect(acknowledged.object.puts).toHaveLength(1);
  const erased = await sealed();
  erased.object.during = () => {
    erased.object.during = () => undefined;
    erased.object.delete(1);
  };
  await alarm(erased.object);
  expect(erased.object.puts.map(({ ndjson }) => ndjson.includes("message 0"))).toEqual([true, false]);
});

test("[B18] a report of what is archived, or was never sealed, puts nothing", async () => {
  const { object, put } = await sealed();
  for (const other of [{ epoch: 2 }, { from_seq: 2 }, { to_seq: 5 }]) expect(object.sealing.reportedWrong({ ...WRONG, ...other })).toEqual({ ok: false, code: "archive_conflict" });
  object.sealing.acknowledged(headOf(put));
  expect(object.sealing.reportedWrong(WRONG)).toEqual({ ok: true, put_again: false });
  expect(object.sealing.sealDue(object.now)).toBeNull();
});

test("[B18] a clock that went back, and segments of a version that kept no times, delay no look", () => {
  const waiting = { put_at: 1_000_000, looks: 0, wrong: false, reports: 0 };
  expect(decideLookDue(waiting, HOUR, 999_999)).toBe(999_999);
  expect(decideLookDue({ ...waiting, put_at: 0 }, HOUR, 2 * HOUR)).toBe(HOUR);
  expect(decideLookDue({ ...waiting, looks: 60 }, HOUR, 2_000_000)).toBe(1_000_000 + 24 * HOUR);
});
