// A conversation over the end of a month: its bodies lie in two buckets, and its pages don't show it.
import { runDurableObjectAlarm } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, expect, test, vi } from "vitest";
import { archiveRequests, fakeArchive } from "./fake-archive.ts";
import { conversation, directId, session } from "./objects.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const at = (iso: string) => vi.useFakeTimers({ toFake: ["Date"], now: new Date(iso) });
const range = (length: number, from = 1) => Array.from({ length }, (_, i) => i + from);

async function call<T>(token: string, method: string, path: string, body?: object): Promise<T> {
  const worker = (exports as unknown as { default: { fetch(request: Request): Promise<Response> } }).default;
  const response = await worker.fetch(new Request(`http://confab.test${path}`, {
    method, headers: { Authorization: `Bearer ${token}` }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }));
  return (await response.json()) as T;
}

const tokenOf = async (user_id: string, scope?: string) => (await call<{ token: string }>("", "POST", "/dev/token", { user_id, ...(scope === undefined ? {} : { scope }) })).token;

test("[B16] a page spans the end of a month with no seam, over two buckets of the archive", async () => {
  at("2026-10-31T23:59:50.000Z");
  await call(await tokenOf("operator", "service"), "PATCH", "/v1/admin/settings", { seal_events: 20, hot_events: 5, hot_days: 0 });
  const [ann, bob] = ["month-ann", "month-bob"];
  const id = directId(ann, bob);
  await session(bob).register(bob);
  await session(ann).register(ann);
  const append = async (i: number) => conversation(id).append({
    conversation_id: id, sender_id: ann, create: [ann, bob], alone: true,
    items: [{ client_msg_id: `k${i}`, device_id: null, content: `message ${i}`, content_type: "text" }],
  });
  for (const i of range(30)) await append(i);
  at("2026-11-01T00:00:05.000Z");
  for (const i of range(30, 31)) await append(i);
  vi.stubGlobal("fetch", fakeArchive);
  at("2026-11-02T00:00:10.000Z");
  await runDurableObjectAlarm(conversation(id));
  expect(await archiveRequests.acknowledgeAll(id)).toBeGreaterThan(0);
  await runDurableObjectAlarm(conversation(id));
  const stats = await conversation(id).stats();
  expect(stats.ok && stats.stats.pruned_seq).toBe(55);
  const token = await tokenOf(bob);
  const seen: { seq: number; content: string }[] = [];
  for (let cursor = ""; ;) {
    const page: { events: { seq: number; content: string }[]; next_cursor: string | null } = await call(token, "GET", `/v1/history/${id}?limit=17${cursor}`);
    seen.push(...page.events);
    if (page.next_cursor === null) break;
    cursor = `&cursor=${page.next_cursor}`;
  }
  expect(seen.map(({ seq, content }) => `${seq} ${content}`)).toEqual(range(60).toReversed().map((i) => `${i} message ${i}`));
  expect([...archiveRequests.buckets].toSorted()).toEqual(["2026-10", "2026-11"]);
  const border = await call<{ events: { seq: number }[] }>(token, "GET", `/v1/history/${id}?order=asc&from=${Date.parse("2026-11-01T00:00:00Z")}&to=${Date.parse("2026-12-01T00:00:00Z")}`);
  expect(border.events.map(({ seq }) => seq)).toEqual(range(30, 31));
});

test("[archive] a body that the archive changed is an error, never a different history", async () => {
  at("2026-11-02T01:00:00.000Z");
  await call(await tokenOf("operator", "service"), "PATCH", "/v1/admin/settings", { seal_events: 20, hot_events: 5, hot_days: 0 });
  const [ann, bob] = ["forged-ann", "forged-bob"];
  const id = directId(ann, bob);
  await session(ann).register(ann);
  for (const i of range(25)) {
    await conversation(id).append({
      conversation_id: id, sender_id: ann, create: [ann, bob], alone: true,
      items: [{ client_msg_id: `k${i}`, device_id: null, content: `message ${i}`, content_type: "text" }],
    });
  }
  vi.stubGlobal("fetch", fakeArchive);
  at("2026-11-03T02:00:00.000Z");
  await runDurableObjectAlarm(conversation(id));
  await archiveRequests.acknowledgeAll(id);
  await runDurableObjectAlarm(conversation(id));
  const token = await tokenOf(ann);
  const read = () => call<{ events?: unknown[]; error?: { code: string } }>(token, "GET", `/v1/history/${id}?order=asc&limit=20`);
  expect((await read()).events).toHaveLength(20);
  archiveRequests.forge = (event) => (event.seq === 7 ? { ...event, content: "message 8" } : event);
  expect((await read()).error?.code).toBe("archive_unavailable");
  archiveRequests.forge = (event) => (event.seq === 7 ? null : event);
  expect((await read()).error?.code).toBe("archive_unavailable");
  archiveRequests.forge = (event) => event;
  expect((await read()).events).toHaveLength(20);
});

test("[B6] what is past its retention is a stub in its place, what a hold keeps is shown, and what should be there is an error", async () => {
  at("2026-11-02T01:00:00.000Z");
  await call(await tokenOf("operator", "service"), "PATCH", "/v1/admin/settings", { seal_events: 20, hot_events: 5, hot_days: 0 });
  const [ann, bob] = ["expired-ann", "expired-bob"];
  const id = directId(ann, bob);
  await session(ann).register(ann);
  const append = (i: number) => conversation(id).append({
    conversation_id: id, sender_id: ann, create: [ann, bob], alone: true,
    items: [{ client_msg_id: `k${i}`, device_id: null, content: `message ${i}`, content_type: "text" }],
  });
  for (const i of range(15)) await append(i);
  at("2026-11-03T01:00:00.000Z");
  for (const i of range(10, 16)) await append(i);
  vi.stubGlobal("fetch", fakeArchive);
  at("2026-11-04T02:00:00.000Z");
  await runDurableObjectAlarm(conversation(id));
  await archiveRequests.acknowledgeAll(id);
  await runDurableObjectAlarm(conversation(id));
  const token = await tokenOf(ann);
  type Shown = { type: string; seq: number; reason?: string; msg_id: string; sender_id: string; sent_at: number };
  const read = () => call<{ events: Shown[]; error?: { code: string } }>(token, "GET", `/v1/history/${id}?order=asc&limit=20`);
  const gone = new Set([1, 2, 4]);
  archiveRequests.forge = (event) => (gone.has(event.seq) ? null : event);
  expect((await read()).error?.code).toBe("archive_unavailable");
  archiveRequests.kept_from = Date.parse("2026-11-03T00:00:00Z");
  const { events } = await read();
  expect(events.map(({ seq, type, reason }) => [seq, type, reason])).toEqual(range(20).map((seq) => (gone.has(seq) ? [seq, "skip", "expired"] : [seq, "msg", undefined])));
  expect(events[0]).toMatchObject({ conversation_id: id, epoch: 1, sender_id: ann, sent_at: Date.parse("2026-11-02T01:00:00.000Z") });
  expect(events[0]?.msg_id).toMatch(/^[0-9a-f-]{36}$/);
  gone.add(17);
  expect((await read()).error?.code).toBe("archive_unavailable");
  archiveRequests.forge = (event) => event;
  archiveRequests.kept_from = undefined;
});
