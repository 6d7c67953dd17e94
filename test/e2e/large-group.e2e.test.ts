// A group of 500 that are all online: who is told what, and what is stored.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Event } from "../../protocol/events.ts";
import { decodeNotify } from "../../protocol/frames/notify.ts";
import type { ConversationDetail } from "../../protocol/rest.ts";
import { startProduct, type Product } from "../product.ts";
import { operator, statsOf, until, User } from "./api.ts";

const MEMBERS = 500;
const VIEWERS = 10;
const MESSAGES = 20;
let product: Product;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_AFTER_MS: "3600000" } });
});

afterAll(() => product.discard());

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

async function inSteps<T>(count: number, make: (i: number) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  while (made.length < count) made.push(...await Promise.all(range(Math.min(50, count - made.length)).map((i) => make(made.length + i))));
  return made;
}

/** Files of objects' storage that hold these bytes, each object once. */
function objectsWith(text: string): Set<string> {
  const files = readdirSync(product.dataDir, { recursive: true, encoding: "utf8" }).filter((file) => /\.sqlite(?:-wal)?$/.test(file));
  return new Set(files.filter((file) => readFileSync(path.join(product.dataDir, file)).includes(text)).map((file) => file.replace(/-wal$/, "")));
}

test("[C5] 500 online members are each told in 16 bytes, the body is stored once, and each device fetches it once", async () => {
  const service = await operator(product);
  const users = await inSteps(MEMBERS, async (i) => new User(product, `large-${i}`, await product.token(`large-${i}`)));
  const [owner, ...others] = users as [User, ...User[]];
  const { body } = await owner.call<ConversationDetail>("POST", "/v1/conversations", { kind: "group", title: "Large", members: others.map(({ name }) => name) });
  const group = body.conversation_id;
  expect(await until(() => statsOf(service, group), (stats) => stats.fanout_seq === 1)).toMatchObject({ mode: "read", members: MEMBERS, lagging: 0 });
  const sockets = await inSteps(MEMBERS - 1, (i) => (others[i] as User).socket({ device_id: `d${i}` }));
  for (const socket of sockets.slice(0, VIEWERS)) socket.send({ type: "open", conversation_id: group });
  await until(() => statsOf(service, group), (stats) => stats.attached === MEMBERS - 1 && stats.viewers === VIEWERS);

  const before = await statsOf(service, group);
  for (const i of range(MESSAGES)) await owner.send(group, `unique-body-${i}-of-the-large-group`);
  const head = MESSAGES + 1;
  const lacking = () => sockets.filter(({ frames }, i) => !frames.some((frame) => (i < VIEWERS
    ? frame["seq"] === head
    : frame.type === "binary" && decodeNotify(frame["bytes"] as Buffer)?.seq === head))).length;
  await until(async () => lacking(), (count) => count === 0, 60_000);
  const after = await until(() => statsOf(service, group), (stats) => stats.told_seq === stats.head_seq);

  for (const [i, socket] of sockets.entries()) {
    const notifies = socket.frames.filter((frame) => frame.type === "binary");
    // Nobody here sends receipts, so bodies may come again.
    const bodies = new Set(socket.frames.filter((frame) => frame.type === "msg").map((frame) => frame["seq"]));
    expect([bodies.size, notifies.length === 0]).toEqual(i < VIEWERS ? [MESSAGES, true] : [0, false]);
    for (const frame of notifies) expect((frame["bytes"] as Buffer).length).toBe(16);
  }
  expect(objectsWith("unique-body-7-of-the-large-group").size).toBe(1);
  // Each event with its key, and now and then how far everybody was told, with an alarm: nothing that grows with the members.
  expect(after.rows_written - before.rows_written).toBeLessThan(MESSAGES * 5);
  expect(after.fanout_seq).toBe(1);

  const fetched = await inSteps(MEMBERS - 1 - VIEWERS, (i) => (others[VIEWERS + i] as User).call<{ events: Event[] }>("GET", `/v1/history/${group}?after=1`));
  for (const answer of fetched) expect(answer.body.events.length).toBe(MESSAGES);
  for (const socket of sockets) socket.cut();
});
