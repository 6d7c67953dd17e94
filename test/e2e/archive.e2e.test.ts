// The way into the archive and back: sealed, stored, pruned and read again with no seam, under `npm start`'s own archiver.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Event } from "../../protocol/events.ts";
import type { AckFrame } from "../../protocol/frames/msg.ts";
import { type Product, startProduct } from "../product.ts";
import { codeOf, newUser, operator, statsOf, until, type User } from "./api.ts";

const ARCHIVING = {
  CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_EVENTS: "20", CONFAB_SEAL_AFTER_MS: "300", CONFAB_HOT_EVENTS: "5", CONFAB_HOT_DAYS: "0", ARCHIVER_POLL_MS: "200", ARCHIVER_POLL_MAX_MS: "1000",
};

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: ARCHIVING });
});
afterAll(() => product.discard());

const range = (length: number, from = 1) => Array.from({ length }, (_, i) => i + from);
const contents = (events: readonly Event[]) => events.map((event) => (event.type === "msg" ? event.content : event.type));

async function untilPruned(conversationId: string, seq: number): Promise<void> {
  const service = await operator(product);
  await until(() => statsOf(service, conversationId), (stats) => stats.pruned_seq >= seq);
}

async function fill(from: User, to: User, count: number): Promise<{ id: string; acks: AckFrame[] }> {
  const acks: AckFrame[] = [];
  for (const i of range(count)) acks.push(await from.send(to, `message ${i}`, { client_msg_id: `fill-${i}` }));
  return { id: (acks[0] as AckFrame).conversation_id, acks };
}

test("[A11] [A12] pages run over archived and hot bodies with no seam, in both directions", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const { id, acks } = await fill(ann, bob, 130);
  await untilPruned(id, 125);
  const expected = range(130).map((i) => `message ${i}`);
  expect(contents(await bob.history(id))).toEqual(expected);
  const back: Event[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const page: { events: Event[]; next_cursor: string | null } = (await bob.call<{ events: Event[]; next_cursor: string | null }>(
      "GET", `/v1/history/${id}?limit=17${cursor === "" ? "" : `&cursor=${cursor}`}`,
    )).body;
    back.push(...page.events);
    cursor = page.next_cursor;
  }
  expect(contents(back.toReversed())).toEqual(expected);
  expect(back.map((event) => event.msg_id).toReversed()).toEqual(acks.map((ack) => ack.msg_id));
  const [from, to] = [(acks[40] as AckFrame).sent_at, (acks[128] as AckFrame).sent_at];
  const within = (await bob.call<{ events: Event[] }>("GET", `/v1/history/${id}?limit=100&order=asc&from=${from}&to=${to}`)).body.events;
  expect(within.map((event) => event.seq)).toEqual(acks.filter((ack) => ack.sent_at >= from && ack.sent_at < to).map((ack) => ack.seq));
});

test("[A5] a resend after archiving and pruning is stored once and gets the original acknowledgement", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const { id, acks } = await fill(ann, bob, 30);
  await untilPruned(id, 25);
  for (const seq of [1, 20, 30]) {
    const again = await ann.call<AckFrame>("POST", "/v1/messages", { to: bob.name, content: "another body", client_msg_id: `fill-${seq}` });
    expect([again.status, again.body.dup, again.body.msg_id, again.body.seq]).toEqual([200, true, acks[seq - 1]?.msg_id, seq]);
  }
  expect(contents(await bob.history(id))).toEqual(range(30).map((i) => `message ${i}`));
});

test("[C1] [A7] a message whose bodies are archived is shown as it now is, edited before or after, and its versions are read back", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const socket = await ann.socket();
  const { id, acks } = await fill(ann, bob, 2);
  const edit = async (nth: number, content: string) => socket.ask({ type: "edit", client_msg_id: randomUUID(), conversation_id: id, target_msg_id: acks[nth]?.msg_id, content });
  await edit(0, "first edited");
  for (const i of range(20)) await ann.send(id, `filler ${i}`);
  await untilPruned(id, 15);
  await edit(1, "second edited");
  await socket.ask({ type: "react", client_msg_id: randomUUID(), conversation_id: id, target_msg_id: acks[1]?.msg_id, emoji: "👍", on: true });
  const [first, second] = (await bob.call<{ events: Event[] }>("GET", `/v1/history/${id}?order=asc&limit=2`)).body.events;
  expect(first).toMatchObject({ type: "msg", content: "first edited", edited_at: expect.any(Number) as number });
  expect(second).toMatchObject({ type: "msg", content: "second edited", reactions: [{ emoji: "👍", count: 1 }] });
  const versions = await bob.call<{ versions: { content: string }[] }>("GET", `/v1/conversations/${id}/messages/${acks[0]?.msg_id}/edits`);
  expect(versions.body.versions.map(({ content }) => content)).toEqual(["message 1", "first edited"]);
});

test("[archive] [B15] with the archiver down chat goes on, pages end at the seam or say archive_unavailable, and all is there when it is back", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const { id } = await fill(ann, bob, 40);
  await untilPruned(id, 35);
  const { archiver } = product.pids();
  if (archiver === null) throw new Error("no archiver runs");
  let seam = "";
  process.kill(archiver, "SIGSTOP");
  try {
    const newest = await bob.call<{ events: Event[] }>("GET", `/v1/history/${id}?limit=4`);
    expect(contents(newest.body.events)).toEqual([40, 39, 38, 37].map((i) => `message ${i}`));
    const old = await bob.call("GET", `/v1/history/${id}?order=asc&limit=10`);
    expect(codeOf(old)).toBe("503 archive_unavailable");
    expect(old.headers.get("Retry-After")).not.toBeNull();
    type Page = { events: Event[]; next_cursor: string | null; archive_unavailable?: boolean; retry_after_ms?: number };
    const over = (await bob.call<Page>("GET", `/v1/history/${id}?limit=10`)).body;
    expect(contents(over.events)).toEqual([40, 39, 38, 37, 36].map((i) => `message ${i}`));
    expect(over).toMatchObject({ archive_unavailable: true, retry_after_ms: expect.any(Number) as number, next_cursor: expect.any(String) as string });
    const beyond = await bob.call("GET", `/v1/history/${id}?limit=10&cursor=${over.next_cursor ?? ""}`);
    expect(codeOf(beyond)).toBe("503 archive_unavailable");
    seam = over.next_cursor ?? "";
    const before = performance.now();
    await ann.send(bob, "message 41");
    expect(performance.now() - before).toBeLessThan(1_000);
  } finally {
    process.kill(archiver, "SIGCONT");
  }
  const all = await until(() => bob.call<{ events: Event[] }>("GET", `/v1/history/${id}?order=asc&limit=100`), (answer) => answer.status === 200);
  expect(contents(all.body.events)).toEqual(range(41).map((i) => `message ${i}`));
  const rest = (await bob.call<{ events: Event[]; archive_unavailable?: boolean }>("GET", `/v1/history/${id}?limit=10&cursor=${seam}`)).body;
  expect(contents(rest.events)).toEqual(range(10, 26).toReversed().map((i) => `message ${i}`));
  expect(rest.archive_unavailable).toBeUndefined();
});

test("[archive] nothing is pruned that the archive does not have", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const { archiver } = product.pids();
  if (archiver === null) throw new Error("no archiver runs");
  process.kill(archiver, "SIGSTOP");
  const service = await operator(product);
  const { id } = await (async () => {
    try {
      const filled = await fill(ann, bob, 45);
      const stats = await until(() => statsOf(service, filled.id), ({ sealed_seq }) => sealed_seq === 45);
      expect([stats.archived_seq, stats.pruned_seq]).toEqual([0, 0]);
      expect(contents(await bob.history(filled.id))).toEqual(range(45).map((i) => `message ${i}`));
      return filled;
    } finally {
      process.kill(archiver, "SIGCONT");
    }
  })();
  await untilPruned(id, 40);
  expect(contents(await bob.history(id))).toEqual(range(45).map((i) => `message ${i}`));
});

test("[D11] a device that never heard of a conversation is told of it, also where its first messages are archived", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const { id } = await fill(ann, bob, 30);
  await untilPruned(id, 25);
  const device = await bob.socket();
  device.send({ type: "resume", cursors: {}, user_seq: 0 });
  expect((await device.take({ type: "sync_required" }))["conversations"]).toEqual([{ conversation_id: id, epoch: 1, head_seq: 30 }]);
});

test("[A12] archived history survives kill -9 of everything", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const { id } = await fill(ann, bob, 33);
  await untilPruned(id, 20);
  await product.killTree();
  await product.restart();
  await untilPruned(id, 28);
  expect(contents(await bob.history(id))).toEqual(range(33).map((i) => `message ${i}`));
  await ann.send(bob, "after", { client_msg_id: randomUUID() });
  expect((await bob.history(id)).at(-1)?.seq).toBe(34);
});
