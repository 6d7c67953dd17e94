// The embedded store: the contract, and what is its own.
import { copyFileSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, expect, test } from "vitest";
import { SqliteStore } from "../../archiver/stores/sqlite.ts";
import { SchemaTooNew, StoreUnavailable } from "../../archiver/stores/store.ts";
import { archiveStoreContract, planOf, readAll } from "../contracts/archive-store.ts";
import { conversationId, run, text } from "./segments.ts";

const folders: string[] = [];
const stores: SqliteStore[] = [];

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), "confab-archive-"));
  folders.push(made);
  return made;
}

async function openStore(where: string, retentionS = 220_752_000, now: () => number = Date.now): Promise<SqliteStore> {
  const store = new SqliteStore(where, retentionS, now);
  stores.push(store);
  await store.open();
  return store;
}

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
});

afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true });
});

const shared = folder();
archiveStoreContract("SQLite", ({ retentionS, now }) => new SqliteStore(shared, retentionS, now));

const events = run([text("one"), text("two")], { conversation: conversationId("sqlite"), at: Date.UTC(2026, 10, 20) });

test("[E9] what was written is there after a restart", async () => {
  const where = folder();
  await (await openStore(where)).write(planOf(events));
  await stores.pop()?.close();
  expect(await readAll(await openStore(where), events)).toEqual(events);
});

test("[B6] expired rows leave the file with the next write", async () => {
  const where = folder();
  await (await openStore(where, 1_000)).write(planOf(events, 220_752_000));
  const late = Date.now() + 8 * 365 * 86_400_000;
  const store = await openStore(where, 1_000, () => late);
  expect(await readAll(store, events)).toEqual([]);
  await store.write({ conversation_id: conversationId("other"), rows: [], changes: [] });
  const db = new DatabaseSync(path.join(where, "archive.sqlite"));
  expect(db.prepare("SELECT count(*) AS n FROM messages").get()).toEqual({ n: 0 });
  expect(db.prepare("SELECT count(*) AS n FROM buckets").get()).toEqual({ n: 0 });
  db.close();
});

test("[B8] the file's table has the columns of Cassandra's", async () => {
  const where = folder();
  await openStore(where);
  const db = new DatabaseSync(path.join(where, "archive.sqlite"));
  const columns = db.prepare("SELECT name FROM pragma_table_info('messages')").all().map((row) => row["name"]);
  expect(columns).toEqual(expect.arrayContaining(["conversation_id", "message_id", "sender_id", "content", "type", "status", "created_at"]));
  db.close();
});

test("[B8] a file of a newer program is refused", async () => {
  const where = folder();
  await openStore(where);
  await stores.pop()?.close();
  const db = new DatabaseSync(path.join(where, "archive.sqlite"));
  db.exec("PRAGMA user_version = 99");
  db.close();
  await expect(openStore(where)).rejects.toBeInstanceOf(SchemaTooNew);
});

test("[B18] a store that is not open says that it is unavailable", async () => {
  const store = new SqliteStore(path.join(folder(), "new", "er"), 1_000, Date.now);
  await expect(store.check()).rejects.toBeInstanceOf(StoreUnavailable);
  await expect(store.write(planOf(events))).rejects.toBeInstanceOf(StoreUnavailable);
  await store.open();
  await store.check();
  expect(statSync(path.join(folders.at(-1) as string, "new", "er")).mode & 0o777).toBe(0o700);
  await store.close();
});

test.each([
  ["removed", (where: string) => rmSync(where, { recursive: true })],
  ["replaced", (where: string) => {
    const file = path.join(where, "archive.sqlite");
    copyFileSync(file, `${file}.copy`);
    renameSync(`${file}.copy`, file);
  }],
])("[A21] nothing counts as written into a file that was %s while it was open, and what comes then is written to the one that is there", async (_how, strike) => {
  const where = folder();
  const store = await openStore(where);
  await store.write(planOf(events));
  strike(where);
  await expect(store.write(planOf(run([text("three")], { conversation: conversationId("sqlite"), at: Date.UTC(2026, 10, 20), fromSeq: 3 })))).rejects.toThrow(/removed or replaced/);
  await expect(store.check()).rejects.toThrow(StoreUnavailable);
  await store.open();
  await store.check();
  await store.write(planOf(events));
  await store.close();
  expect(await readAll(await openStore(where), events)).toEqual(events);
});
