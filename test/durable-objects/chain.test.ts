// The hash chain as a conversation makes it: off the append path, with each segment's plan, also for what older code has sealed.
import { expect, test } from "vitest";
import { Chain } from "../../durable-objects/conversation/chain.ts";
import { chainOver, chainStart, linkBytes } from "../../protocol/chain.ts";
import { decodeSegment, parseSegmentKey } from "../../protocol/segment.ts";
import { sha256Hex } from "../../durable-objects/platform/hash.ts";
import { CONVERSATION, type Put, Sealed } from "./sealed.ts";

const START = chainStart(CONVERSATION, sha256Hex);
const eventsOf = (puts: readonly Put[]) => puts.flatMap(({ ndjson }) => decodeSegment(ndjson));
const headOf = ({ key, metadata }: Put) => ({ ...parseSegmentKey(key), count: Number(metadata["confab-count"]), sha256: metadata["confab-sha256"], format: 1 }) as never;

test("[C14] each segment carries the chain before and behind it, and the object has it at its end", async () => {
  const object = new Sealed();
  object.append(4);
  await object.sealing.seal();
  object.append(5);
  await object.sealing.seal();
  const [first, second] = object.puts as [Put, Put];
  const chain = chainOver(START, eventsOf([first]), sha256Hex);
  expect(first.metadata).toMatchObject({ "confab-chain-before": START, "confab-chain": chain, "confab-pair": "ann,bob" });
  const end = chainOver(chain, eventsOf([second]), sha256Hex);
  expect(second.metadata).toMatchObject({ "confab-chain-before": chain, "confab-chain": end });
  expect(object.sealing.chain.read({ after: 0 })).toMatchObject({ chained_seq: 9, checkpoints: [{ seq: 4, chain }, { seq: 9, chain: end }] });
  object.wake();
  expect(object.sealing.chain.read({ after: 4 }).checkpoints).toEqual([{ seq: 9, chain: end }]);
});

test("[C14] [C10] a deletion, and pruning, leave the chain and the links as they were", async () => {
  const object = new Sealed();
  object.append(8);
  await object.sealing.seal();
  const before = object.sealing.chain.links(1, 8);
  object.delete(3);
  await object.sealing.seal();
  const put = object.puts.at(-1) as Put;
  expect(put.metadata["confab-chain"]).toBe(object.puts[0]?.metadata["confab-chain"]);
  object.sealing.acknowledged(headOf(put));
  object.now += 86_400_000;
  object.sealing.prune(object.now);
  expect(object.store.readEvent(1)?.body).toBeNull();
  expect(object.sealing.chain.links(1, 8)).toEqual(before.map((link) => ({ ...link, erased: link.seq === 3 })));
  expect(chainOver(START, object.sealing.chain.links(1, 8), sha256Hex)).toBe(put.metadata["confab-chain"]);
});

test("[C14] what a version without chains sealed is caught up with in steps, over crashes, before anything else is sealed", async () => {
  const object = new Sealed();
  object.rule.seal_events = 600;
  object.append(12_300);
  await object.sealing.seal();
  const sealed = object.sealing.sealedSeq;
  expect(sealed).toBeGreaterThan(11_000);
  const end = object.sealing.chain.read({ after: sealed - 1 }).checkpoints[0]?.chain;
  object.store.sql.run("DELETE FROM checkpoints");
  object.append(2_000);
  object.wake();
  expect(object.sealing.chainDue(object.now)).toBe(object.now);
  expect(object.sealing.sealDue(object.now + 10_000_000_000)).not.toBe(object.now + 10_000_000_000);
  const puts = object.puts.length;
  await object.sealing.seal();
  expect(object.puts).toHaveLength(puts);
  object.sealing.catchUpChain();
  expect(object.sealing.chain.seq).toBe(10_000);
  object.wake();
  object.sealing.catchUpChain();
  expect(object.sealing.chain.read({ after: sealed - 1 }).checkpoints).toEqual([{ seq: sealed, chain: end }]);
  expect(object.sealing.chainDue(object.now)).toBeNull();
  await object.sealing.seal();
  const next = object.puts.slice(puts);
  expect(next.length).toBeGreaterThan(0);
  expect(next[0]?.metadata).toMatchObject({ "confab-chain-before": end });
});

test("[C14] a segment that an older version planned is put without a chain", async () => {
  const object = new Sealed();
  object.append(4);
  object.failing = { left: 1, arrived: false };
  await expect(object.sealing.seal()).rejects.toThrow("the bucket");
  object.store.sql.run("DELETE FROM checkpoints");
  object.wake();
  await object.sealing.seal();
  expect(Object.keys((object.puts[0] as Put).metadata)).not.toContain("confab-chain");
});

test("[C14] a crash between the plan and its chain leaves neither", () => {
  const object = new Sealed();
  object.append(4);
  const chain = new Chain(object.store, object.state);
  expect(() => object.store.sql.transaction(() => {
    chain.commit(chain.links(1, 4));
    throw new Error("crash");
  })).toThrow("crash");
  expect(new Chain(object.store, object.state).seq).toBe(0);
});

test("[C14] no two links have the same bytes, and a hash that is cut off is none", () => {
  const link = { seq: 1, msg_id: "019d0000-0000-7000-8000-000000000001", content_hash: "ab".repeat(32) };
  const texts = [link, { ...link, seq: 256 }, { ...link, content_hash: "ba".repeat(32) }].map((one) => Buffer.from(linkBytes(START, one)).toString("hex"));
  expect(new Set(texts).size).toBe(3);
  expect(texts[0]).toHaveLength(2 * 88);
  expect(() => linkBytes(START, { ...link, content_hash: "ab".repeat(31) })).toThrow();
  expect(() => linkBytes(START, { ...link, content_hash: "zz".repeat(32) })).toThrow();
  expect(chainStart(CONVERSATION, sha256Hex)).not.toBe(chainStart(`d.${"1".repeat(64)}`, sha256Hex));
});
