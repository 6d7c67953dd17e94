// What a message costs on the platform, counted: rows, calls from object to object with alarms, and units of clients' sockets. The
// arithmetic of docs/scale.md stands on these.
import { readdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { COUNTED, type Cost, STORED } from "../../bench/scale/counted.ts";
import { startProduct, type Product } from "../product.ts";
import { newUser, operator, statsOf, until, type User } from "./api.ts";

const SETTLE_AFTER_MS = 300;
let product: Product;
let service: User;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_AFTER_MS: "3600000", CONFAB_SETTLE_AFTER_MS: String(SETTLE_AFTER_MS) } });
  service = await operator(product);
});

afterAll(() => product.discard());

/** Conversations and messages in each. */
const STORED_UNITS = 2;
const STORED_UNIT = 200;
const CALLS = ["appends", "delivery_calls", "receipts", "statuses_told", "settles", "session_alarms"];

async function spent(): Promise<Omit<Cost, "units">> {
  const { body } = await service.call<Record<string, number>>("GET", "/v1/admin/metrics");
  return { rows: body["rows_written"] ?? 0, calls: CALLS.reduce((sum, name) => sum + (body[name] ?? 0), 0) };
}

/** Of each message, of those that Ann sends to Bob as one array and Bob receives and reads. */
async function costOf(messages: number): Promise<Cost> {
  const [ann, bob] = [await newUser(product, "scale"), await newUser(product, "scale")];
  const [from, to] = [await ann.socket(), await bob.socket()];
  const send = async (count: number, seq: number): Promise<string> => {
    const frames = Array.from({ length: count }, (_, i) => ({ type: "msg", to: bob.name, client_msg_id: `k${seq - i}`, content: "A message of the length that people write: a sentence or two, which is about a hundred and twenty bytes, like this one." }));
    from.send(count === 1 ? frames[0] as object : frames);
    const { conversation_id } = await to.take((frame) => frame.type === "msg" && frame["seq"] === seq);
    to.send(["DELIVERED", "READ"].map((status) => ({ type: "receipt", conversation_id, up_to_seq: seq, status })));
    await from.take((frame) => frame.type === "status" && frame["status"] === "READ" && frame["up_to_seq"] === seq);
    await until(() => statsOf(service, conversation_id as string), (stats) => stats.fanout_seq === stats.head_seq && stats.lagging === 0);
    return conversation_id as string;
  };
  // The first one makes the conversation.
  await send(1, 1);
  const settled = performance.now();
  // A message that is alone comes to a conversation that is idle: what follows a settle at once waits for the next one.
  await until(() => Promise.resolve(performance.now()), (now) => now - settled > SETTLE_AFTER_MS);
  const before = await spent();
  await send(messages, messages + 1);
  const after = await spent();
  await Promise.all([from.close(), to.close()]);
  // Ann's array and Bob's receipts.
  return { rows: (after.rows - before.rows) / messages, calls: (after.calls - before.calls) / messages, units: 2 / messages };
}

test.each([["alone", 1], ["busy", 64]] as const)("[A25 B19 C13 D17] a direct message that is %s costs no more rows, calls and units than the arithmetic of scale counts with", async (name, messages) => {
  const cost = await costOf(messages);
  for (const what of ["rows", "calls", "units"] as const) expect(cost[what], what).toBeLessThanOrEqual(COUNTED[name][what]);
});

test("[A25 B19 C13 D17] a direct message takes no more bytes of its object's file than the arithmetic of scale counts with", async () => {
  for (let i = 0; i < STORED_UNITS; i += 1) await costOf(STORED_UNIT);
  const sizes = await sizesAfterStop();
  expect(sizes.length).toBe(STORED_UNITS);
  for (const bytes of sizes) expect(bytes / (STORED_UNIT + 1)).toBeLessThanOrEqual(STORED.hot_bytes);
});

/** Bytes of the files of conversations with so many messages, what is still in their logs included. */
async function sizesAfterStop(): Promise<number[]> {
  await product.stop();
  const files = readdirSync(product.dataDir, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".sqlite"));
  return files.flatMap((file) => {
    const database = new DatabaseSync(path.join(product.dataDir, file));
    try {
      if (database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'events'").get() === undefined) return [];
      if (Number(database.prepare("SELECT count(*) AS n FROM events").get()?.["n"]) < STORED_UNIT) return [];
      const [pages, size] = ["page_count", "page_size"].map((name) => Number(database.prepare(`PRAGMA ${name}`).get()?.[name]));
      return [(pages as number) * (size as number)];
    } finally {
      database.close();
    }
  });
}
