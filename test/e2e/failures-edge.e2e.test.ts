// Failures of the edge's own parts, from the operations page, each provoked in a build that fails on command: its metric moves, and
// it mends.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../../scripts/build.ts";
import { type Product, startProduct } from "../product.ts";
import { codeOf, newUser, operator, statsOf, until, untilSettled, type User } from "./api.ts";
import { fail, faulty, faultsLeft } from "./faults.ts";
import type { RawSocket } from "./raw-socket.ts";

const outDir = mkdtempSync(path.join(tmpdir(), "confab-faulty-"));
const RATE = 60;
const CREDIT = 20;
let product: Product;
let service: User;

beforeAll(async () => {
  await build({ outDir, patch: faulty });
  product = await startProduct({
    build: outDir,
    env: {
      CONFAB_RATE_LIMIT: String(RATE), CONFAB_RATE_BURST: String(RATE), CONFAB_CREDIT_EVENTS: String(CREDIT), CONFAB_SEAL_EVENTS: "20", CONFAB_SEAL_AFTER_MS: "300",
      CONFAB_HOT_EVENTS: "5", CONFAB_HOT_DAYS: "0", ARCHIVER_POLL_MS: "200", ARCHIVER_POLL_MAX_MS: "1000",
    },
  });
  service = await operator(product);
});
afterAll(async () => {
  await product.discard();
  rmSync(outDir, { recursive: true, force: true });
});

const range = (length: number, from = 1) => Array.from({ length }, (_, i) => i + from);

async function metric(name: string): Promise<number> {
  return (await service.call<Record<string, number>>("GET", "/v1/admin/metrics")).body[name] ?? 0;
}

/** The metric moves while `provoke` goes on. */
async function moves(name: string, provoke: () => Promise<unknown>): Promise<void> {
  const before = await metric(name);
  await provoke();
  await until(() => metric(name), (now) => now > before, 30_000);
}

test("[C12] one user's object fails: delivery_failures, and it is settled when it is back", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const id = (await ann.send(bob, "before")).conversation_id;
  await untilSettled(service, id);
  await moves("delivery_failures", async () => {
    await fail(product, "deliver", 4);
    await ann.send(bob, "during");
  });
  const stats = await until(() => untilSettled(service, id), () => true, 60_000);
  expect(stats).toMatchObject({ lagging: 0, fanout_seq: 2 });
  expect((await bob.history(id)).map((event) => event.type === "msg" && event.content)).toEqual(["before", "during"]);
});

test("[C12] a line to a session breaks: lines_lost, and nobody lacks a message or sees another order", async () => {
  const people = [await newUser(product), await newUser(product), await newUser(product)] as const;
  const [ann, bob, cat] = people;
  const { conversation_id } = await ann.group([bob, cat]);
  const sockets = await Promise.all(people.map((one) => one.socket({ receipts: true }))) as [RawSocket, RawSocket, RawSocket];
  const sent: string[] = [];
  const say = async () => {
    sent.push(`m${sent.length}`);
    sockets[0].send({ type: "msg", conversation_id, content: sent.at(-1), client_msg_id: sent.at(-1) });
    await Promise.all(sockets.slice(1).map((socket) => socket.take({ type: "msg", content: sent.at(-1) })));
  };
  const busy = await metric("line_messages");
  await until(async () => say().then(() => metric("line_messages")), (now) => now > busy + 1, 30_000);
  await moves("lines_lost", async () => {
    await fail(product, "line", 1);
    for (const _ of range(8)) await say();
  });
  expect(await faultsLeft(product, "line")).toBe(0);
  // As clients show it: each where it came first.
  const shown = (socket: RawSocket) => [...new Set(socket.frames.filter(({ type }) => type === "msg").map((frame) => frame["content"]))];
  for (const socket of sockets.slice(1)) expect(shown(socket)).toEqual(sent);
});

test("[C12] one conversation's object fails: append_failures, the client is told to try again, and its message is stored once", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const message = { to: bob.name, content: "again", client_msg_id: "again" };
  await moves("append_failures", async () => {
    await fail(product, "append", 5);
    expect(codeOf(await ann.call("POST", "/v1/messages", message))).toBe("503 unavailable");
  });
  await fail(product, "append", 0);
  const sent = await until(() => ann.call<{ conversation_id: string; seq: number }>("POST", "/v1/messages", message), ({ status }) => status === 201 || status === 200);
  expect(sent.body.seq).toBe(1);
});

test("[C12] R2 is down, seen from the edge: task_failures, chat goes on, and all is sealed and archived when it is back", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  let id = "";
  await moves("task_failures", async () => {
    await fail(product, "put", 3);
    for (const i of range(25)) id = (await ann.send(bob, `message ${i}`)).conversation_id;
  });
  await until(() => statsOf(service, id), (stats) => stats.pruned_seq === 20, 60_000);
  expect((await bob.history(id)).map(({ seq }) => seq)).toEqual(range(25));
});

test("[C12] the edge is down, or refuses the archiver: ack_failures_total of the archiver, and it is acknowledged when it is back", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  await fail(product, "archived", 2);
  let id = "";
  for (const i of range(20)) id = (await ann.send(bob, `message ${i}`)).conversation_id;
  const exposed = async () => (await fetch(`${product.archiverUrl}/metrics`)).text();
  await until(exposed, (text) => /confab_archiver_ack_failures_total\{status="5\d\d"\} [1-9]/.test(text), 30_000);
  await until(() => statsOf(service, id), (stats) => stats.archived_seq === 20, 60_000);
  await until(exposed, (text) => /confab_archiver_refused_segments 0/.test(text), 30_000);
});

test("[C12] settings can't be read: settings_failures, and those that were last read stay in force", async () => {
  const ann = await newUser(product);
  await moves("settings_failures", async () => {
    await fail(product, "settings", 3);
    for (const _ of range(5)) expect((await ann.call("GET", "/v1/conversations")).status).toBe(200);
  });
  await until(() => faultsLeft(product, "settings"), (left) => left === 0);
  expect((await service.call<{ rate_limit: { value: number } }>("GET", "/v1/admin/settings")).body.rate_limit.value).toBe(RATE);
});

test("[C12] a shard of the directory fails: task_failures, and what changed meanwhile is found when it is back", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  await moves("task_failures", async () => {
    await fail(product, "directory", 2);
    expect((await ann.call("PATCH", "/v1/users/me", { name: "Annabella Faultfree" })).status).toBe(200);
  });
  await until(() => bob.call<{ users: { user_id: string }[] }>("GET", "/v1/users?q=annabella"), ({ status, body }) => status === 200 && body.users.some(({ user_id }) => user_id === ann.name), 60_000);
});

test("[C12] a user is over the limit: rate_limited, nobody else notices, and a moment later they may again", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const socket = await ann.socket();
  // In one text: one moment of the server's clock.
  const frames = range(RATE + 20).map((i) => ({ type: "msg", to: bob.name, content: `${i}`, client_msg_id: `${i}` }));
  await moves("rate_limited", async () => {
    socket.send(frames);
    expect(await socket.take({ client_msg_id: String(RATE + 20) })).toMatchObject({ type: "error", code: "rate_limited" });
  });
  expect((await bob.call("GET", "/v1/blocks")).status).toBe(200);
  await until(() => ann.call("GET", "/v1/blocks"), ({ status }) => status === 200);
});

test("[C12] a device does not acknowledge: credit_exhausted, then closed_slow, and it comes back to where it was", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const sender: RawSocket = await ann.socket({ receipts: true });
  const slow = await bob.socket();
  const closed = slow.closed;
  const send = async (count: number) => {
    for (const _ of range(count)) await sender.ask({ type: "msg", to: bob.name, content: "x", client_msg_id: crypto.randomUUID() });
  };
  const before = await metric("closed_slow");
  await moves("credit_exhausted", () => send(CREDIT + 5));
  await send(CREDIT + 10);
  expect(await closed).toMatchObject({ code: 4009 });
  expect(await metric("closed_slow")).toBeGreaterThan(before);
  const back = await bob.socket({ receipts: true });
  back.send({ type: "resume", cursors: {}, user_seq: 0 });
  expect((await back.take({ type: "sync_required" }))["conversations"]).toMatchObject([{ head_seq: 2 * CREDIT + 15 }]);
});
