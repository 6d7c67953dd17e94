// How rows lie in Cassandra: lives, partitions, and how statements get there.
import { Client, type ExecutionOptions, policies, types } from "cassandra-driver";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { hold, release } from "../../archiver/holding.ts";
import { CassandraStore } from "../../archiver/stores/cassandra.ts";
import { PARTITION_ROWS } from "../../archiver/stores/partitions.ts";
import { bucketOf } from "../../protocol/msg-id.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import { planOf, readAll } from "../contracts/archive-store.ts";
import { cassandra } from "../servers.ts";
import { archiveThrough } from "./archiving.ts";
import { conversationId, run, text } from "./segments.ts";

const KEYSPACE = `rows_${process.pid}_${Date.now()}`;
const YEARS_7 = 220_752_000;
const AT = Date.UTC(2026, 10, 20);

let node: Awaited<ReturnType<typeof cassandra>>;
let raw: Client;
let store: CassandraStore;

beforeAll(async () => {
  node = await cassandra();
  raw = new Client({ contactPoints: [node.host], localDataCenter: node.datacenter, protocolOptions: { port: node.port }, encoding: { useBigIntAsLong: true } });
  await raw.connect();
  store = new CassandraStore({ contactPoints: [node.host], dataCenter: node.datacenter, port: node.port, keyspace: KEYSPACE, credentials: null, tls: null }, YEARS_7, Date.now);
  await store.open();
});

afterAll(async () => {
  await store.close();
  await raw.execute(`DROP KEYSPACE IF EXISTS ${KEYSPACE}`, [], { readTimeout: 60_000 });
  await raw.shutdown();
});

const archive = (events: SegmentEvent[]) => archiveThrough(store, events, { retentionS: YEARS_7, now: Date.now });
const holding = { get store() {
  return store;
}, now: Date.now, progress: () => undefined };

describe("the life of a row", () => {
  const CELLS = ["seq", "epoch", "sender_id", "type", "content_type", "content", "status", "created_at", "msg_no", "body", "salt", "content_hash"] as const;
  const [first] = run([text("one")], { conversation: conversationId("life"), at: AT }) as [SegmentEvent];
  const id = first.conversation_id;
  const target = { target_msg_id: first.msg_id, target_seq: 1 };
  const [edit] = run([{ type: "edit", ...target, content: "one, edited" }], { conversation: id, at: AT + 60_000, fromSeq: 2 }) as [SegmentEvent];
  const [removal] = run([{ type: "delete", ...target }], { conversation: id, at: AT + 120_000, fromSeq: 3 }) as [SegmentEvent];
  const deletion = { ...removal, erases: [
    { msg_id: first.msg_id, body: { content: "", content_type: "text" } }, { msg_id: edit.msg_id, body: { ...target, content: "" } },
  ] } as SegmentEvent;

  async function livesOf(event: SegmentEvent): Promise<Record<string, number | null>> {
    const { rows } = await raw.execute(
      `SELECT ${CELLS.map((cell) => `${cell}, TTL(${cell}) AS ttl_${cell}`).join(", ")} FROM ${KEYSPACE}.messages WHERE conversation_id = ? AND bucket = ? AND message_id = ?`,
      [id, bucketOf(event.msg_id), event.msg_id], { prepare: true },
    );
    const row = rows[0] as types.Row;
    return Object.fromEntries(CELLS.filter((cell) => row[cell] !== null).map((cell) => [cell, row[`ttl_${cell}`] as number | null]));
  }

  /** Message time + retention − now, with what rounding and the way there take. */
  function expectOwnEnd(lives: Record<string, number | null>, event: SegmentEvent): void {
    const left = Math.floor(event.sent_at / 1_000) + YEARS_7 - Math.floor(Date.now() / 1_000);
    for (const [cell, life] of Object.entries(lives)) {
      expect([cell, life]).toEqual([cell, expect.any(Number)]);
      expect(Math.abs((life as number) - left)).toBeLessThanOrEqual(5);
    }
  }

  test("[B6] every cell ends with the message's own retention: as sent, edited, deleted, held and released", async () => {
    await archive([first]);
    expectOwnEnd(await livesOf(first), first);
    await archive([edit]);
    expectOwnEnd(await livesOf(first), first);
    expectOwnEnd(await livesOf(edit), edit);
    await hold("conversation", id, null, holding);
    expect(new Set([...Object.values(await livesOf(first)), ...Object.values(await livesOf(edit))])).toEqual(new Set([null]));
    await archive([deletion]);
    expect(new Set([...Object.values(await livesOf(first)), ...Object.values(await livesOf(deletion))])).toEqual(new Set([null]));
    await release("conversation", id, holding);
    for (const event of [first, edit, deletion]) expectOwnEnd(await livesOf(event), event);
  });
});

describe("hot months", () => {
  const id = conversationId("hot");
  const hot = run(Array.from({ length: 40 }, (_, i) => text(`${i}`)), { conversation: id, at: AT, fromSeq: 2 * PARTITION_ROWS - 20 });
  const [first, last] = [hot[0] as SegmentEvent, hot.at(-1) as SegmentEvent];
  const both = ["2026-11.000001", "2026-11.000002"];

  test("[B8] a hot month lies in parts by seq, and reads as one", async () => {
    await archive(hot);
    expect(await store.buckets(id)).toEqual(both);
    const { rows } = await raw.execute(`SELECT bucket, seq FROM ${KEYSPACE}.messages WHERE conversation_id = ? AND bucket IN ?`, [id, both], { prepare: true });
    expect(both.map((bucket) => rows.filter((row) => row["bucket"] === bucket).length)).toEqual([20, 20]);
    expect(await readAll(store, hot)).toEqual(hot);
    const range = { bucket: "2026-11", first: first.msg_id, last: last.msg_id };
    const seqs = hot.map((event) => event.seq);
    expect((await store.read(id, { ...range, from_seq: first.seq, to_seq: last.seq }, 100)).map((row) => row.seq)).toEqual(seqs);
    expect((await store.read(id, range, 25)).map((row) => row.seq)).toEqual(seqs.slice(0, 25));
    expect((await store.read(id, { ...range, last: hot[19]?.msg_id as string, from_seq: first.seq, to_seq: hot[19]?.seq as number }, 100)).map((row) => row.seq)).toEqual(seqs.slice(0, 20));
  });

  test("[B9 C10] edits and deletions over the border find their rows, and take what an edit left on either side of it", async () => {
    const aim = { target_msg_id: first.msg_id, target_seq: first.seq };
    const follow = (content: string, i: number) => run([{ type: "edit", ...aim, content }], { conversation: id, at: AT + 1_000 * i, fromSeq: last.seq + i })[0] as SegmentEvent;
    const edits = [follow("planted once", 1), follow("planted twice", 2)];
    for (const edit of edits) await archive([edit]);
    const shown = async () => (await store.readBack(planOf([first])))[0];
    expect(await shown()).toMatchObject({ bucket: both[0], content: "planted twice", status: "EDITED" });
    await hold("conversation", id, null, holding);
    const [removal] = run([{ type: "delete", ...aim }], { conversation: id, at: AT + 10_000, fromSeq: last.seq + PARTITION_ROWS }) as [SegmentEvent];
    const erases = [{ msg_id: first.msg_id, body: { content: "", content_type: "text" } }, ...edits.map((edit) => ({ msg_id: edit.msg_id, body: { ...aim, content: "" } }))];
    await archive([{ ...removal, erases } as SegmentEvent]);
    expect(await shown()).toMatchObject({ content: "", status: "DELETED", held: true });
    const all = [...hot, ...edits, removal];
    expect((await readAll(store, all)).map((event) => event.seq)).toEqual(all.map((event) => event.seq));
    expect(JSON.stringify(await readAll(store, all))).not.toContain("planted");
    await archive(hot);
    expect(JSON.stringify(await store.readBack(planOf(all)))).not.toContain("planted");
    await release("conversation", id, holding);
    expect((await store.readBack(planOf(hot))).map((row) => row.held)).toEqual(hot.map(() => false));
  });
});

test("[C10] every statement on rows is prepared and idempotent, at LOCAL_QUORUM, and goes to a replica of its partition", async () => {
  const seen: ExecutionOptions[] = [];
  const { prototype } = policies.loadBalancing.TokenAwarePolicy;
  const plan = Reflect.get(prototype, "newQueryPlan") as (this: policies.loadBalancing.TokenAwarePolicy, ...args: Parameters<typeof prototype.newQueryPlan>) => void;
  const spy = vi.spyOn(prototype, "newQueryPlan").mockImplementation(function watched(this: policies.loadBalancing.TokenAwarePolicy, keyspace, options, callback) {
    // Without options it is a preparation, or a connection that is being made.
    if ((options as ExecutionOptions | null) !== null) seen.push(options);
    plan.call(this, keyspace, options, callback);
  });
  try {
    const id = conversationId("routing");
    const events = run([text("one"), text("two")], { conversation: id, at: AT });
    const target = { target_msg_id: (events[0] as SegmentEvent).msg_id, target_seq: 1 };
    await archive([...events, ...run([{ type: "edit", ...target, content: "edited" }], { conversation: id, at: AT + 1_000, fromSeq: 3 })]);
    await readAll(store, events);
    await store.buckets(id);
    await store.readReached(id, 1);
  } finally {
    spy.mockRestore();
  }
  const routed = seen.filter((options) => options.getRoutingKey() instanceof Buffer);
  // Holds of two kinds, and erasures of several people, are asked for in one statement each, before and behind the write: those have no one partition.
  expect(seen.length - routed.length).toBe(4);
  expect(routed.length).toBeGreaterThanOrEqual(9);
  for (const options of seen) {
    expect(options.isPrepared()).toBe(true);
    expect(options.getConsistency()).toBe(types.consistencies.localQuorum);
  }
  // A conditional write may not be sent twice: its second answer would say that it lost.
  expect(seen.filter((options) => options.isIdempotent() !== true)).toHaveLength(1);
});
