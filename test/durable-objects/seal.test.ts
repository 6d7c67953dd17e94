// Sealing over real stores: what is planned is put again exactly as it was planned, whatever happened in between, unless a
// deletion has taken some of it.
import { expect, test } from "vitest";
import { decodeSegment, parseSegmentKey } from "../../protocol/segment.ts";
import { CONVERSATION, type Put, Sealed } from "./sealed.ts";

test.each([["never arrived", false], ["arrived, and its answer was lost", true]])("[seal] a PUT that %s is made again with the same key, text and hash, also by a new instance", async (_how, arrived) => {
  const object = new Sealed();
  object.append(4);
  object.failing = { left: 2, arrived };
  await expect(object.sealing.seal()).rejects.toThrow("the bucket");
  // What comes meanwhile does not enter the planned segment.
  object.append(3);
  object.wake();
  await expect(object.sealing.seal()).rejects.toThrow("the bucket");
  expect(object.sealing.sealDue(object.now)).toBe(object.now);
  await object.sealing.seal();
  expect(object.puts.length).toBe(arrived ? 3 : 1);
  for (const put of object.puts) expect(put).toEqual(object.puts[0]);
  const { key, ndjson, metadata } = object.puts[0] as Put;
  expect(parseSegmentKey(key)).toEqual({ conversation_id: CONVERSATION, epoch: 1, from_seq: 1, to_seq: 4 });
  expect(decodeSegment(ndjson).map((event) => event.seq)).toEqual([1, 2, 3, 4]);
  expect(object.store.readSegments()).toEqual([{ from_seq: 1, to_seq: 4, sha256: metadata["confab-sha256"], put: true, acked: false, put_at: object.now, looks: 0, wrong: false, reports: 0 }]);
});

test("[seal] segments follow one another without a hole, and an acknowledgement counts once and in any order", async () => {
  const object = new Sealed();
  for (const count of [4, 4]) {
    object.append(count);
    await object.sealing.seal();
  }
  const [first, second] = object.puts.map(({ key, metadata }) => ({ ...parseSegmentKey(key), count: 4, sha256: metadata["confab-sha256"], format: 1 })) as never[];
  expect(object.sealing.acknowledged(second as never)).toEqual({ ok: true, archived_seq: 0 });
  expect(object.sealing.acknowledged(first as never)).toEqual({ ok: true, archived_seq: 8 });
  object.wake();
  expect(object.sealing.acknowledged(first as never)).toEqual({ ok: true, archived_seq: 8 });
  expect(object.state.marks.archived_seq).toBe(8);
  expect(object.store.readSegments()).toEqual([]);
});

test("[seal] an acknowledgement of another hash, range or epoch is a conflict and moves nothing", async () => {
  const object = new Sealed();
  object.append(4);
  await object.sealing.seal();
  const { key, metadata } = object.puts[0] as Put;
  const head = { ...parseSegmentKey(key), count: 4, sha256: metadata["confab-sha256"], format: 1 };
  for (const wrong of [{ sha256: "0".repeat(64) }, { to_seq: 3 }, { from_seq: 2 }, { epoch: 2 }]) {
    expect(object.sealing.acknowledged({ ...head, ...wrong } as never)).toEqual({ ok: false, code: "archive_conflict" });
  }
  expect(object.state.marks.archived_seq).toBe(0);
  object.sealing.prune(object.now + 1);
  expect(object.store.readEvent(1)?.body).not.toBeNull();
});

const headOf = ({ key, metadata }: Put) => ({ ...parseSegmentKey(key), count: Number(metadata["confab-count"]), sha256: metadata["confab-sha256"], format: 1 }) as never;

test("[C10] [A1] a deletion plans a segment that waits anew, and it is put over the same key without the content", async () => {
  const object = new Sealed();
  object.append(4);
  await object.sealing.seal();
  object.delete(2);
  expect(object.sealing.sealDue(object.now)).toBe(object.now);
  object.wake();
  await object.sealing.seal();
  const [before, after] = object.puts as [Put, Put];
  expect(after.key).toBe(before.key);
  expect(before.ndjson).toContain("message 1");
  expect(after.ndjson).not.toContain("message 1");
  const lines = decodeSegment(after.ndjson);
  expect(lines[1]).toMatchObject({ type: "msg", seq: 2, content: "", erased: object.store.readMsgId(5), content_hash: decodeSegment(before.ndjson)[1]?.content_hash });
  expect(lines.filter((line) => line.seq !== 2)).toEqual(decodeSegment(before.ndjson).filter((line) => line.seq !== 2));
  // What was read of the older copy is worth nothing any more.
  expect(object.sealing.acknowledged(headOf(before))).toEqual({ ok: false, code: "archive_conflict" });
  expect(object.sealing.acknowledged(headOf(after))).toEqual({ ok: true, archived_seq: 4 });
});

test("[C10] a deletion while the PUT is under way is put right after it, also where the PUT's answer is lost", async () => {
  for (const lost of [false, true]) {
    const object = new Sealed();
    object.append(4);
    object.during = () => {
      object.during = () => undefined;
      object.delete(3);
    };
    if (lost) object.failing = { left: 1, arrived: true };
    if (lost) await expect(object.sealing.seal()).rejects.toThrow("the bucket");
    await object.sealing.seal();
    expect(object.puts.map((put) => put.ndjson.includes("message 2"))).toEqual([true, false]);
    expect(object.store.readSegments()).toMatchObject([{ from_seq: 1, to_seq: 4, put: true, sha256: object.puts[1]?.metadata["confab-sha256"] }]);
  }
});

test("[C10] a PUT of a life before that arrives last is noticed by its acknowledgement, and put right", async () => {
  const object = new Sealed();
  object.append(4);
  await object.sealing.seal();
  object.delete(1);
  await object.sealing.seal();
  const [stale] = object.puts as [Put];
  object.now += 20_000;
  expect(object.sealing.acknowledged(headOf(stale))).toEqual({ ok: false, code: "archive_conflict" });
  await object.sealing.seal();
  const puts = () => object.puts.filter((put) => put.key === stale.key);
  expect(puts()).toHaveLength(3);
  expect(puts()[2]).toEqual(puts()[1]);
  // An archiver that goes on claiming it makes no storm of PUTs.
  for (let i = 0; i < 10; i += 1) object.sealing.acknowledged(headOf(stale));
  await object.sealing.seal();
  expect(puts()).toHaveLength(3);
});

test("[C10] a deletion of something sealed is sealed soon itself, and says what is left of what it took", async () => {
  const object = new Sealed();
  object.append(4);
  await object.sealing.seal();
  object.sealing.acknowledged(headOf(object.puts[0] as Put));
  expect(object.sealing.sealDue(object.now)).toBeNull();
  object.rule.seal_after_ms = 86_400_000;
  object.delete(4);
  object.wake();
  expect(object.sealing.sealDue(object.now)).toBe(object.now + 10_000);
  object.now += 10_000;
  await object.sealing.seal();
  const [line] = decodeSegment((object.puts[1] as Put).ndjson);
  expect(line).toMatchObject({ type: "delete", seq: 5, target_seq: 4, erases: [{ msg_id: object.store.readMsgId(4), body: { content: "", content_type: "text" } }] });
});
