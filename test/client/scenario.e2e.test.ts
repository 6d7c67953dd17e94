// Three people with two devices each, over lines that break, with a kill in the middle: everybody ends with the same.
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { connect, type ConfabClient, type Message } from "../../client/client.ts";
import { type Product, startProduct } from "../product.ts";
import { Wire } from "./wire.ts";

let product: Product;
const open: { close(): unknown }[] = [];

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_SETTLE_AFTER_MS: "300" } });
});

afterAll(async () => {
  for (const one of open.reverse()) await one.close();
  await product?.discard();
});

const soon = (check: () => void) => vi.waitFor(check, { timeout: 40_000, interval: 20 });
const NAMES = ["ann", "bob", "cat"] as const;

/** mulberry32: the same run for the same seed. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const messages = (chat: ConfabClient, id: string) => (chat.conversation(id)?.events ?? []).filter((slot): slot is Message => slot.type === "msg");

/** What people see of a conversation. */
const seen = (chat: ConfabClient, id: string) => messages(chat, id).map(({ content, sender_id, deleted_at, edited_at, reply_to, replies = 0, reactions = [] }) => ({
  content, sender_id, deleted: deleted_at !== undefined, edited: edited_at !== undefined, reply_to, replies,
  reactions: reactions.map(({ emoji, users }) => `${emoji} ${users.toSorted().join(" ")}`).toSorted(),
}));

test.each(inject("long") ? [20_261_122, 1, 2, 3, 4, 5] : [20_261_122])("[A24] messages, changes and receipts over cuts and a kill -9: all six devices end the same, and nothing shown goes back (seed %i)", async (seed) => {
  const pick = chance(seed);
  const line = await new Wire(product.ports[0] as number).start();
  open.push(line);
  for (const name of NAMES) await product.token(name);
  const backoff = { base_ms: 100, cap_ms: 1_000, stable_ms: 10_000 };
  const devices = NAMES.flatMap((name) => [product.url, line.url].map((url) => {
    const chat = connect({ url, token: () => product.token(name), user_id: name, backoff, times: { pong_ms: 1_000 } });
    open.push(chat);
    return { name, chat };
  }));
  const chats = devices.map(({ chat }) => chat);
  await soon(() => expect(chats.every((chat) => chat.listed)).toBe(true));
  const first = chats[0] as ConfabClient;
  const { conversation_id: id } = await first.createGroup("All", ["bob", "cat"]);
  await soon(() => expect(chats.every((chat) => (chat.conversation(id)?.events.length ?? 0) > 0)).toBe(true));

  // A sender's device never shows less of a message than it has shown.
  const shown = new Map<string, number>();
  const wrong: string[] = [];
  devices.forEach(({ chat, name }, i) => chat.on("conversation", () => {
    for (const message of messages(chat, id)) {
      if (message.sender_id !== name) continue;
      const key = `${i} ${message.msg_id}`;
      const rank = ["SENT", "DELIVERED", "READ"].indexOf(chat.conversation(id)?.status(message).status ?? "SENT");
      if (rank < (shown.get(key) ?? 0)) wrong.push(`${key}: ${shown.get(key)} then ${rank}`);
      shown.set(key, rank);
    }
  }));

  const acked: Promise<unknown>[] = [];
  // A change of what was deleted meanwhile is refused: that is no fault.
  const change = (acting: Promise<unknown>): void => void acked.push(acting.catch((error: unknown) => expect(error).toMatchObject({ retryable: false })));
  for (let round = 0; round < 120; round++) {
    const { chat, name } = devices[pick(devices.length)] as (typeof devices)[number];
    const all = messages(chat, id).filter(({ deleted_at }) => deleted_at === undefined);
    const some = all[pick(Math.max(1, all.length))];
    const own = all.filter(({ sender_id }) => sender_id === name).at(-1);
    const act = pick(10);
    if (act < 5 || some === undefined) acked.push(chat.send({ conversation_id: id }, `${name} ${round}`, some !== undefined && act === 0 ? { reply_to: some.msg_id } : {}).acked);
    else if (act < 7) change(chat.react(some, ["👍", "🎉"][pick(2)] as string, pick(3) > 0).acked);
    else if (act === 7 && own !== undefined) change(chat.edit(own, `${own.content}!`).acked);
    else if (act === 8 && own !== undefined && pick(2) === 0) change(chat.delete(own).acked);
    else chat.conversation(id)?.read();
    if (round % 25 === 24) line.cut();
    if (round === 60) product.killRuntime();
    if (round % 4 === 0) await Promise.race([...acked.slice(-2), new Promise((resolve) => setImmediate(resolve))]);
  }
  await Promise.all(acked);
  await soon(() => expect(new Set(chats.map((chat) => chat.conversation(id)?.cursor.seq)).size).toBe(1));
  for (const chat of chats) expect(seen(chat, id)).toEqual(seen(first, id));
  // And as the server tells it to somebody new.
  const late = connect({ url: product.url, token: () => product.token("ann"), user_id: "ann" });
  open.push(late);
  await soon(() => expect(late.listed).toBe(true));
  while (late.conversation(id)?.older.kind === "more") await late.conversation(id)?.loadOlder(20);
  expect(seen(late, id)).toEqual(seen(first, id));

  for (const chat of chats) chat.conversation(id)?.read();
  await soon(() => devices.forEach(({ chat, name }) => {
    expect(chat.conversations().find((row) => row.conversation_id === id)?.unread).toBe(0);
    const own = messages(chat, id).filter(({ sender_id }) => sender_id === name);
    expect(new Set(own.map((message) => chat.conversation(id)?.status(message).status))).toEqual(new Set(["READ"]));
  }));
  expect(wrong).toEqual([]);
});
