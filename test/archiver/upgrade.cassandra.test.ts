// From the schema of every released version to this one, while programs of that version go on; and back, as far as that goes.
import { Client } from "cassandra-driver";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hold, release } from "../../archiver/holding.ts";
import { migrateCassandra, readMigrations } from "../../archiver/migrate.ts";
import { CassandraStore } from "../../archiver/stores/cassandra.ts";
import { SPLIT_VERSION } from "../../archiver/stores/cassandra-layout.ts";
import { PARTITION_ROWS } from "../../archiver/stores/partitions.ts";
import { bucketOf } from "../../protocol/msg-id.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import { planOf, rangesOf, readAll } from "../contracts/archive-store.ts";
import { cassandra } from "../servers.ts";
import { archiveThrough } from "./archiving.ts";
import { conversationId, type Draft, run, text } from "./segments.ts";
import { MIGRATIONS_1, Version1 } from "./version-1/cassandra.ts";

const KEYSPACE = `upgrade_${process.pid}_${Date.now()}`;
const YEARS_7 = 220_752_000;
const DAY_MS = 86_400_000;

let node: Awaited<ReturnType<typeof cassandra>>;
const ends: (() => Promise<unknown>)[] = [];
const keyspaces = new Set<string>();

async function newClient(): Promise<Client> {
  const client = new Client({
    contactPoints: [node.host], localDataCenter: node.datacenter, protocolOptions: { port: node.port },
    encoding: { useBigIntAsLong: true, useUndefinedAsUnset: true },
  });
  await client.connect();
  ends.push(() => client.shutdown());
  return client;
}

async function newStore(keyspace: string, now: () => number = Date.now): Promise<CassandraStore> {
  const store = new CassandraStore({ contactPoints: [node.host], dataCenter: node.datacenter, port: node.port, keyspace, credentials: null, tls: null }, YEARS_7, now);
  ends.push(() => store.close());
  await store.open();
  return store;
}

/** A keyspace as version 1 left it, and version 1 in it. */
async function version1(name: string): Promise<{ old: Version1; client: Client; keyspace: string }> {
  const keyspace = `${KEYSPACE}_${name}`;
  keyspaces.add(keyspace);
  const client = await newClient();
  const old = new Version1(client, YEARS_7);
  await old.open(keyspace, node.datacenter);
  return { old, client, keyspace };
}

beforeAll(async () => {
  node = await cassandra();
});

afterAll(async () => {
  const raw = await newClient();
  for (const keyspace of keyspaces) await raw.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`, [], { readTimeout: 60_000 });
  await Promise.all(ends.map((end) => end()));
});

const from = (sender_id: string, content: string): Draft => ({ ...text(content), sender_id });
const holding = (store: CassandraStore) => ({ store, now: Date.now, progress: () => undefined });
const firstOf = (events: readonly SegmentEvent[]) => events[0] as SegmentEvent;
const archive = (store: CassandraStore, events: SegmentEvent[], now: () => number = Date.now) => archiveThrough(store, events, { retentionS: YEARS_7, now });

async function oldReads(old: Version1, events: readonly SegmentEvent[]) {
  const found = [];
  for (const { bucket, first, last } of rangesOf(events)) found.push(...(await old.read(firstOf(events).conversation_id, bucket, first, last)));
  return found;
}

describe("from version 1", () => {
  test("[B8] the fixture is what version 1 was released with", () => {
    expect(MIGRATIONS_1[0]?.statements).toEqual(readMigrations()[0]?.statements);
  });

  test("[B8 B9] while both run, each reads what the other writes; edits, deletions and hot conversations end the same", async () => {
    const { old, keyspace } = await version1("online");
    const conversation = conversationId(keyspace);
    const at = Date.now() - DAY_MS;
    // Seqs that a keyspace of this version would split.
    const make = (drafts: readonly Draft[], fromSeq: number) => run(drafts, { conversation, at: at + fromSeq, fromSeq: PARTITION_ROWS - 2 + fromSeq });
    const before = make(["a", "b", "c", "d"].map((content) => from("ann", content)), 0);
    await old.write(conversation, planOf(before).rows);
    const store = await newStore(keyspace);
    expect(await readAll(store, before)).toEqual(before);
    const mine = make(["e", "f"].map((content) => from("bob", content)), 4);
    await archive(store, mine);
    const theirs = make([from("ann", "g")], 6);
    await old.write(conversation, planOf(theirs).rows);
    const target = (event: SegmentEvent) => ({ target_msg_id: event.msg_id, target_seq: event.seq });
    const edit = make([{ type: "edit", ...target(firstOf(before)), content: "a, edited", sender_id: "ann" }], 7);
    await archive(store, edit);
    const oldEdit = make([{ type: "edit", ...target(firstOf(mine)), content: "e, edited", sender_id: "bob" }], 8);
    await old.write(conversation, planOf(oldEdit).rows, planOf(oldEdit).changes);
    const all = [...before, ...mine, ...theirs, ...edit, ...oldEdit];
    expect(await oldReads(old, all)).toEqual(all.map((event) => [event.seq, ...(
      event === before[0] ? ["a, edited", "EDITED"] : event === mine[0] ? ["e, edited", "EDITED"] : event.type === "msg" ? [event.content, "SENT"] : [null, null]
    )]));
    expect(await readAll(store, all)).toEqual(all);
    // Replayed by the other: nothing conflicts, nothing changes.
    await archive(store, theirs);
    await old.write(conversation, planOf(mine).rows);
    expect(await readAll(store, all)).toEqual(all);
    const erased = (event: SegmentEvent, body: Record<string, unknown>) => ({ msg_id: event.msg_id, body });
    const deletion = { ...firstOf(make([{ type: "delete", ...target(firstOf(before)), sender_id: "ann" }], 9)), erases: [
      erased(firstOf(before), { content: "", content_type: "text" }), erased(firstOf(edit), { ...target(firstOf(before)), content: "" }),
    ] } as SegmentEvent;
    await archive(store, [deletion]);
    await old.write(conversation, planOf(before).rows);
    expect(JSON.stringify(await store.readBack(planOf(all)))).not.toContain("a, edited");
    expect((await oldReads(old, before))[0]).toEqual([firstOf(before).seq, "", "DELETED"]);
  });

  test("[B6] a hold finds the rows of version 1, also those that it writes afterwards once the hold is asked for again", async () => {
    const { old, keyspace } = await version1("holds");
    const person = `ann of ${keyspace}`;
    const [first, second] = ["first", "second"].map((name) => run([from(person, name), from("bob", name)], { conversation: conversationId(`${keyspace} ${name}`), at: Date.now() - DAY_MS }));
    const write = (events: readonly SegmentEvent[] = []) => old.write(firstOf(events).conversation_id, planOf(events).rows);
    await write(first);
    const store = await newStore(keyspace);
    const heldOf = async (events: readonly SegmentEvent[] = []) => (await store.readBack(planOf(events))).map((row) => row.held);
    expect(await hold("user", person, null, holding(store))).toBe(1);
    expect(await heldOf(first)).toEqual([true, false]);
    await write(second);
    expect(await heldOf(second)).toEqual([false, false]);
    expect(await hold("user", person, null, holding(store))).toBe(1);
    expect([await heldOf(first), await heldOf(second)]).toEqual([[true, false], [true, false]]);
    // A replay by the old program takes the hold from nothing.
    await write(first);
    expect(await heldOf(first)).toEqual([true, false]);
    expect(await release("user", person, holding(store))).toBe(2);
    expect([await heldOf(first), await heldOf(second)]).toEqual([[false, false], [false, false]]);
  });

  test("[B8] version 1 may come back until the first month that is split, and is refused from then on", async () => {
    const { old, client, keyspace } = await version1("back");
    const conversation = conversationId(keyspace);
    const store = await newStore(keyspace);
    const layout = (await client.execute("SELECT split_from FROM layout")).first()["split_from"] as string;
    expect(Date.parse(`${layout}-01T00:00:00Z`) - Date.now()).toBeGreaterThan(6 * DAY_MS);
    const versions = async () => ({ ...(await client.execute("SELECT current_version, minimum_compatible_version FROM schema_version")).first() });
    expect(await versions()).toEqual({ current_version: readMigrations().length, minimum_compatible_version: 1 });
    await old.open(keyspace, node.datacenter);
    const at = Date.parse(`${layout}-02T00:00:00Z`);
    const border = run(["1", "2", "3", "4"].map((content) => text(content)), { conversation, at: Date.parse(`${layout}-01T00:00:00Z`) - 2_000, step: 1_000, fromSeq: PARTITION_ROWS + 1 });
    await archive(store, border, () => at);
    expect(await store.buckets(conversation)).toEqual([bucketOf(firstOf(border).msg_id), `${layout}.000001`]);
    expect(await readAll(store, border)).toEqual(border);
    expect(await versions()).toEqual({ current_version: readMigrations().length, minimum_compatible_version: SPLIT_VERSION });
    await expect(old.open(keyspace, node.datacenter)).rejects.toThrow(`the keyspace's schema is version ${readMigrations().length} and needs a program of version ${SPLIT_VERSION} or newer; this one is 1`);
    // Nor does a later migration let it in again.
    const next = { version: readMigrations().length + 1, minimum_compatible_version: 1, file: "", description: "", statements: [] };
    await migrateCassandra(client, keyspace, node.datacenter, [...readMigrations(), next]);
    expect(await versions()).toEqual({ current_version: next.version, minimum_compatible_version: SPLIT_VERSION });
  });

  test("[B8] a program that starts once the months are split shuts version 1 out before it writes", async () => {
    const { old, client, keyspace } = await version1("late");
    await newStore(keyspace);
    const layout = (await client.execute("SELECT split_from FROM layout")).first()["split_from"] as string;
    await newStore(keyspace, () => Date.parse(`${layout}-01T00:00:00Z`));
    await expect(old.open(keyspace, node.datacenter)).rejects.toThrow(`needs a program of version ${SPLIT_VERSION} or newer`);
  });
});
