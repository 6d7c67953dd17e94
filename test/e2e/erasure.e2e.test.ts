// Deleted content is nowhere: words are planted wherever the product keeps content, deleted, and looked for in every file.
import { randomBytes, randomUUID } from "node:crypto";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ConversationRow } from "../../protocol/frames/inbox.ts";
import { type Product, startProduct } from "../product.ts";
import { newUser, operator, statsOf, until, type User } from "./api.ts";
import { filesWith } from "./planted.ts";

const ENV = {
  CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_EVENTS: "20", CONFAB_SEAL_AFTER_MS: "300", CONFAB_HOT_EVENTS: "5", CONFAB_HOT_DAYS: "0", ARCHIVER_POLL_MS: "200",
  CONFAB_SETTLE_AFTER_MS: "300", CONFAB_FANOUT_WRITE_MAX: "3", CONFAB_FANOUT_WRITE_AGAIN: "2",
};
/** An object that nobody asks for leaves memory after about ten seconds, and its write-ahead log goes with it. */
const ASLEEP_MS = 40_000;

const DATABASE = /confab-Conversation\/[0-9a-f]+\.sqlite$/u;

/** All that a database's tables hold, as text. */
function rowsOf(file: string): string {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[];
    const rows = (name: string) => {
      const all = database.prepare(`SELECT * FROM "${name}"`);
      // The platform keeps the time of an alarm in nanoseconds.
      all.setReadBigInts(true);
      return JSON.stringify(all.all(), (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
    };
    return tables.map(({ name }) => rows(name)).join("\n");
  } finally {
    database.close();
  }
}

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: ENV });
});
afterAll(() => product.discard());

interface Planted {
  word: string;
  ann: User;
  bob: User;
  conversation_id: string;
  msg_id: string;
}

/** A message with a word, edited to another content with the same word. */
async function plant(others: readonly User[] = []): Promise<Planted> {
  const ann = await newUser(product);
  const bob = others[0] ?? (await newUser(product));
  const to = others.length === 0 ? bob : (await ann.group(others)).conversation_id;
  const word = `planted-${randomBytes(8).toString("hex")}`;
  // Long enough to fill pages of its own.
  const { conversation_id, msg_id } = await ann.send(to, `${word} `.repeat(400));
  const socket = await ann.socket();
  expect(await socket.ask({ type: "edit", client_msg_id: randomUUID(), conversation_id, target_msg_id: msg_id, content: `edited: ${word}` })).toMatchObject({ type: "ack" });
  await socket.close();
  return { word, ann, bob, conversation_id, msg_id };
}

async function untilReached(planted: Planted, mark: "archived_seq" | "pruned_seq" | "sealed_seq", seq: number): Promise<void> {
  const service = await operator(product);
  await until(() => statsOf(service, planted.conversation_id), (stats) => stats[mark] >= seq, 30_000);
}

async function fill(planted: Planted, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await planted.ann.send(planted.conversation_id, `filler ${i}`);
}

const inBucket = ({ word }: Planted) => filesWith(product.dataDir, word).filter((file) => file.includes("/blobs/"));

/** Reading every file is work: less often than a request is made again. */
async function untilFiles(read: () => string[], good: (files: string[]) => boolean, ms = 15_000): Promise<string[]> {
  await expect.poll(() => good(read()), { timeout: ms, interval: 500 }).toBe(true);
  return read();
}

test("[C10] what was deleted is in no file, wherever it had got to, over a kill and a stopped archiver", async () => {
  const archived = await plant();
  await untilReached(archived, "archived_seq", 2);
  const pruned = await plant();
  await fill(pruned, 15);
  await untilReached(pruned, "pruned_seq", 2);
  const { archiver } = product.pids();
  if (archiver === null) throw new Error("no archiver runs");
  process.kill(archiver, "SIGSTOP");
  const waiting = await plant();
  await fill(waiting, 20);
  await untilFiles(() => inBucket(waiting), (files) => files.length > 0);
  const hot = await plant();
  // Of a large group nobody's inbox hears.
  const others = [await newUser(product), await newUser(product), await newUser(product)];
  const large = await plant(others);
  const preview = async (user: User) => (await user.call<{ conversations: ConversationRow[] }>("GET", "/v1/conversations")).body.conversations[0]?.last_message;
  for (const user of others) await until(() => preview(user), (last) => last?.preview?.includes(large.word) === true);
  const all = [archived, pruned, waiting, hot, large];
  for (const { word } of all) expect(filesWith(product.dataDir, word)).not.toEqual([]);

  const deleted = new Map<Planted, number>();
  for (const planted of all) {
    const socket = await planted.ann.socket();
    const ack = await socket.ask({ type: "delete", client_msg_id: randomUUID(), conversation_id: planted.conversation_id, target_msg_id: planted.msg_id });
    deleted.set(planted, ack["seq"] as number);
  }
  // Between the deletion and what follows from it.
  product.killRuntime();
  for (const { ann, bob } of all) for (const user of [ann, bob]) await until(() => user.call("GET", "/v1/conversations").catch(() => ({ status: 0 })), ({ status }) => status === 200);
  // What waits for the archive is put again without it, while nobody archives.
  await untilFiles(() => inBucket(waiting), (files) => files.length === 0);
  process.kill(archiver, "SIGCONT");
  for (const planted of all) await untilReached(planted, "archived_seq", deleted.get(planted) as number);
  for (const planted of all) {
    for (const user of [planted.ann, planted.bob]) expect(JSON.stringify(await user.history(planted.conversation_id))).not.toContain(planted.word);
  }
  // The last of them never looks again.
  for (const user of others.slice(0, -1)) expect(await preview(user)).toMatchObject({ preview: null, deleted: true });
  for (const planted of [archived, hot, large]) await untilFiles(() => filesWith(product.dataDir, planted.word), (files) => files.length === 0, ASLEEP_MS);
  // Where pages were split, or pruning has freed some, bytes that belong to no row stay in the object's own file.
  for (const planted of [waiting, pruned]) {
    const files = await untilFiles(() => filesWith(product.dataDir, planted.word), (found) => found.every((file) => DATABASE.test(file)), ASLEEP_MS);
    for (const file of files) expect(rowsOf(path.join(product.dataDir, file))).not.toContain(planted.word);
  }
}, 120_000);
