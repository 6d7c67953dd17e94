// Search in the real object: what indexing writes, and that merging and overwriting work on its own storage.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { objectSql } from "../../durable-objects/platform/object-sql.ts";
import { SearchStore } from "../../durable-objects/conversation/store/search.ts";
import type { SearchCall } from "../../protocol/rpc/search.ts";
import { conversation, directId, rows, session } from "./objects.ts";

const SEALED = 256;

async function talk(a: string, b: string, count: number): Promise<string> {
  await session(a).register(a);
  await session(b).register(b);
  const id = directId(a, b);
  for (let sent = 0; sent < count; sent += 64) {
    const items = Array.from({ length: Math.min(64, count - sent) }, (_, i) => ({ client_msg_id: `k${sent + i}`, device_id: null, content: sent + i === 7 ? "pear zebra" : `pear w${sent + i}`, content_type: "text" as const }));
    const reply = await conversation(id).append({ conversation_id: id, sender_id: a, items, create: [a, b].toSorted() as [string, string], alone: false });
    expect(reply.kind).toBe("answers");
  }
  return id;
}

const call = (user_id: string, q: string): SearchCall => ({ user_id, q, order: "newest", limit: 50, after: null });

test("[B2] appends write nothing for search, and indexing one row a message, once as many wait as make a segment", async () => {
  const id = await talk("ann", "bob", SEALED - 1);
  const stub = conversation(id);
  const tables = () => rows(stub, "SELECT name FROM sqlite_master WHERE name LIKE 'words%'");
  const written = async () => {
    const result = await stub.stats();
    if (!result.ok) throw new Error(result.code);
    return result.stats.rows_written;
  };
  expect(await tables()).toEqual([]);
  const before = await written();
  await stub.append({ conversation_id: id, sender_id: "ann", items: [{ client_msg_id: "last", device_id: null, content: "pear last", content_type: "text" }], create: null, alone: false });
  expect((await written()) - before).toBeLessThanOrEqual(2);
  expect(await stub.search(call("bob", "last"))).toMatchObject({ ok: true, hits: [{ event: { seq: SEALED, content: "pear last" } }] });
  const around = await written();
  await runDurableObjectAlarm(stub);
  await expect.poll(async () => (await rows(stub, "SELECT indexed_seq FROM watermarks"))[0]).toEqual({ indexed_seq: SEALED });
  expect((await tables()).length).toBeGreaterThan(0);
  // Beside the row of each message: the table itself, the plan of the segment and watermarks.
  expect((await written()) - around).toBeLessThan(SEALED + 20);
  expect(await stub.search(call("bob", "pear last"))).toMatchObject({ ok: true, hits: [{ event: { seq: SEALED } }], more: false });
  expect(await stub.search(call("cat", "pear"))).toEqual({ ok: false, code: "not_found" });
});

test("[B2] in an object's storage too a merge takes the words of what was deleted, and pages are overwritten", async () => {
  const id = await talk("dan", "eve", 2 * SEALED);
  const stub = conversation(id);
  await runDurableObjectAlarm(stub);
  await expect.poll(async () => (await rows(stub, "SELECT indexed_seq FROM watermarks"))[0]).toEqual({ indexed_seq: 2 * SEALED });
  await runInDurableObject(stub, (_object, state) => {
    const sql = objectSql(state.storage, () => undefined);
    const store = new SearchStore(sql);
    const holds = () => sql.all("SELECT block FROM words_data").some((row) => Buffer.from(row["block"] as ArrayBuffer).includes("zebra"));
    const [seq] = store.find("content : \"zebra\"", { from: 1, to: 2 * SEALED }, 2);
    store.commitForgotten([seq as number], 1);
    expect(store.find("content : \"zebra\"", { from: 1, to: 2 * SEALED }, 2)).toEqual([]);
    expect(holds()).toBe(true);
    for (let more = store.mergeStep(true); more;) more = store.mergeStep(false);
    expect(holds()).toBe(false);
    store.takeFreed(store.readIndexBytes());
    store.giveFreed();
    expect(store.find("content : \"pear\"", { from: 1, to: 2 * SEALED }, 1_000)).toHaveLength(2 * SEALED - 1);
  });
});
