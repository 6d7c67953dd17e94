// Reading back: pages, time ranges, filters, and what a returning device is told.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../product.ts";
import { codeOf, newUser, until, type User } from "./api.ts";
import type { Event } from "../../protocol/events.ts";

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
});
afterAll(() => product.discard());

const range = (length: number, from = 1) => Array.from({ length }, (_, i) => i + from);

interface Page {
  events: Event[];
  next_cursor: string | null;
}

/** Sends `count` messages in arrays over one socket; gives the conversation's id. */
async function fill(from: User, to: User, count: number, more: (i: number) => object = () => ({})): Promise<string> {
  const socket = await from.socket();
  for (let start = 1; start <= count; start += 200) {
    socket.send(range(Math.min(200, count - start + 1), start).map((i) => ({ type: "msg", to: to.name, content: `${i}`, client_msg_id: `fill-${i}`, ...more(i) })));
  }
  await until(async () => socket.frames.filter((frame) => frame.type === "ack").length, (acks) => acks === count);
  socket.cut();
  return socket.frames.find((frame) => frame.type === "ack")?.["conversation_id"] as string;
}

async function page(user: User, id: string, query: string): Promise<Page> {
  const answer = await user.call<Page>("GET", `/v1/history/${id}?${query}`);
  if (answer.status !== 200) throw new Error(codeOf(answer));
  return answer.body;
}

async function pages(user: User, id: string, query: string): Promise<Event[][]> {
  const all: Event[][] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const { events, next_cursor }: Page = await page(user, id, cursor === "" ? query : `${query}&cursor=${cursor}`);
    all.push(events);
    cursor = next_cursor;
  }
  return all;
}

const seqs = (events: readonly Event[]) => events.map((event) => event.seq);

test("[B15] 137 messages page as 50, 50 and 37, newest first, and stay put while new ones arrive", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const id = await fill(ann, bob, 137);
  const first = await page(bob, id, "limit=50");
  await ann.send(bob, "meanwhile");
  const second = await page(bob, id, `limit=50&cursor=${first.next_cursor}`);
  await ann.send(bob, "meanwhile");
  const third = await page(bob, id, `limit=50&cursor=${second.next_cursor}`);
  expect([first, second, third].map(({ events }) => events.length)).toEqual([50, 50, 37]);
  expect([first, second, third].flatMap(({ events }) => seqs(events))).toEqual(range(137).toReversed());
  expect(third.next_cursor).toBeNull();
});

test("[A11] [D11] from is included and to is not, exactly, over 1,000 messages; one page of all of them is the ten of a hundred", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const id = await fill(ann, bob, 1_000);
  const all = (await pages(bob, id, "order=asc&limit=100")).flat();
  expect(await page(bob, id, "order=asc&limit=1000")).toEqual({ events: all, next_cursor: null, as_of_seq: 1_000 });
  expect(codeOf(await bob.call("GET", `/v1/history/${id}?limit=1001`))).toBe("400 bad_request");
  const times = [...new Set(all.map((event) => event.sent_at))];
  const [from, to] = [times[Math.floor(times.length / 3)] as number, times[Math.floor((times.length * 2) / 3)] as number];
  for (const order of ["asc", "desc"]) {
    const within = (await pages(bob, id, `order=${order}&limit=100&from=${from}&to=${to}`)).flat();
    const expected = all.filter((event) => event.sent_at >= from && event.sent_at < to);
    expect(seqs(within).toSorted((x, y) => x - y)).toEqual(seqs(expected));
  }
  expect((await page(bob, id, `from=${to}&to=${to}`)).events).toEqual([]);
  expect((await page(bob, id, `to=${times[0]}`)).events).toEqual([]);
  expect((await pages(bob, id, `from=${times.at(-1)}`)).flat().length).toBe(all.filter((event) => event.sent_at === times.at(-1)).length);
});

test("[E7] after a seq or a msg_id, and by content type", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const types = ["text", "image", "video"];
  const id = await fill(ann, bob, 90, (i) => ({ content_type: types[i % 3] }));
  const all = (await pages(bob, id, "order=asc&limit=100")).flat();
  const tenth = all[9] as Event;
  expect(seqs((await page(bob, id, `after=10&limit=5`)).events)).toEqual([11, 12, 13, 14, 15]);
  expect(seqs((await page(bob, id, `after=${tenth.msg_id}&limit=5`)).events)).toEqual([11, 12, 13, 14, 15]);
  for (const content_type of types) {
    const found = (await pages(bob, id, `order=asc&limit=7&content_type=${content_type}`)).flat();
    expect(seqs(found)).toEqual(seqs(all.filter((event) => event.type === "msg" && event.content_type === content_type)));
  }
});

test("[A12] a new device pages back to the first message and has what the sender has", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const id = await fill(ann, bob, 230);
  const senders = (await pages(ann, id, "limit=100")).flat();
  const device = await bob.socket({ device_id: "new" });
  const listed = await bob.call<{ conversations: { conversation_id: string; head_seq: number; unread: number }[] }>("GET", "/v1/conversations");
  expect(listed.body.conversations.map(({ conversation_id }) => conversation_id)).toEqual([id]);
  expect((await pages(bob, id, "limit=37")).flat()).toEqual(senders);
  device.cut();
});

test("[C9] resume pushes exactly what comes after the cursor", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const id = await fill(ann, bob, 60);
  const socket = await bob.socket();
  socket.send({ type: "resume", cursors: { [id]: { epoch: 1, seq: 42 } } });
  await until(async () => socket.frames.filter((frame) => frame.type === "msg").length, (count) => count >= 18);
  expect(socket.frames.filter((frame) => frame.type === "msg").map((frame) => frame["seq"])).toEqual(range(18, 43));
  expect(socket.frames.some((frame) => frame.type === "sync_required")).toBe(false);
});

test("[D11] a long backlog over 50 conversations: at most 50 events are pushed, the rest is asked to be pulled", async () => {
  const bob = await newUser(product);
  const others = await Promise.all(range(50).map(() => newUser(product)));
  const ids = await Promise.all(others.map((other) => fill(other, bob, 20)));
  const socket = await bob.socket();
  socket.send({ type: "resume", cursors: {}, user_seq: 0 });
  const sync = await socket.take({ type: "sync_required" });
  const pushed = socket.frames.filter((frame) => frame.type === "msg");
  expect(pushed.length).toBeLessThanOrEqual(50);
  const have = new Map<string, number>(ids.map((id) => [id, 0]));
  for (const frame of pushed) have.set(frame["conversation_id"] as string, frame["seq"] as number);
  const heads = new Map((sync["conversations"] as { conversation_id: string; head_seq: number }[]).map((head) => [head.conversation_id, head.head_seq]));
  let pulled = 0;
  for (const [id, seq] of have) {
    if (seq < 20) expect(heads.get(id), "what was not pushed is named").toBe(20);
    pulled += (await page(bob, id, `after=${seq}&limit=100`)).events.length;
  }
  expect(pushed.length + pulled).toBe(1_000);
});

test("[D11] a device that comes back to busy conversations is pushed no more than 50 events for all of them", async () => {
  const bob = await newUser(product);
  const others = await Promise.all(range(8).map(() => newUser(product)));
  const first = await bob.socket({ device_id: "phone" });
  const ids = await Promise.all(others.map(async (other) => (await other.send(bob, "hello")).conversation_id));
  await until(async () => first.frames.filter((frame) => frame.type === "msg").length, (count) => count === 8);
  first.cut();
  await Promise.all(others.map((other) => fill(other, bob, 30)));
  const socket = await bob.socket({ device_id: "phone" });
  socket.send({ type: "resume", cursors: Object.fromEntries(ids.map((id) => [id, { epoch: 1, seq: 1 }])) });
  const sync = await socket.take({ type: "sync_required" });
  expect((sync["conversations"] as unknown[]).length).toBeGreaterThan(0);
  expect(socket.frames.filter((frame) => frame.type === "msg").length).toBeLessThanOrEqual(50);
  // The conversations know that this session is live again: what comes now is pushed at once.
  await (others[7] as User).send(bob, "now");
  await socket.take({ type: "msg", content: "now" });
});

test("[B11] after random cuts a device gets exactly what it missed, in order", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const id = (await ann.send(bob, "first")).conversation_id;
  let cursor = 1;
  for (const cut of range(12)) {
    const missed = (cut * 7) % 23;
    for (const i of range(missed)) await ann.send(bob, `${cut}-${i}`);
    const socket = await bob.socket({ device_id: "phone" });
    socket.send({ type: "resume", cursors: { [id]: { epoch: 1, seq: cursor } } });
    await until(async () => socket.frames.filter((frame) => frame.type === "msg").length, (count) => count >= missed);
    const got = socket.frames.filter((frame) => frame.type === "msg" && (frame["seq"] as number) > cursor).map((frame) => frame["seq"] as number);
    expect([...new Set(got)]).toEqual(range(missed, cursor + 1));
    cursor += missed;
    socket.cut();
  }
});

test("[resume] an old epoch, a cursor past the head and a foreign conversation get their typed errors", async () => {
  const [ann, bob, eve] = [await newUser(product), await newUser(product), await newUser(product)];
  const id = (await ann.send(bob, "one")).conversation_id;
  const socket = await bob.socket();
  socket.send({ type: "resume", cursors: { [id]: { epoch: 7, seq: 1 } } });
  expect((await socket.take({ type: "error" }))["code"]).toBe("epoch_changed");
  expect((await socket.take({ type: "sync_required" }))["conversations"]).toEqual([{ conversation_id: id, epoch: 1, head_seq: 1 }]);
  socket.send({ type: "resume", cursors: { [id]: { epoch: 1, seq: 99 } } });
  expect((await socket.take({ type: "error" }))["code"]).toBe("bad_cursor");
  const stranger = await eve.socket();
  stranger.send({ type: "resume", cursors: { [id]: { epoch: 1, seq: 0 } } });
  expect((await stranger.take({ type: "error" }))["code"]).toBe("not_found");
});
