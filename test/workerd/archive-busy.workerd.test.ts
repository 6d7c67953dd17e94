// An archiver that refuses a read: the Worker's answer says when to come back, and keeps what needs no archive.
import { runDurableObjectAlarm } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, expect, test, vi } from "vitest";
import { errorBody } from "../../protocol/errors.ts";
import { archiveRequests, fakeArchive } from "./fake-archive.ts";
import { conversation, directId, session } from "./objects.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const range = (length: number, from = 1) => Array.from({ length }, (_, i) => i + from);

async function call(token: string, method: string, path: string, body?: object): Promise<Response> {
  const worker = (exports as unknown as { default: { fetch(request: Request): Promise<Response> } }).default;
  return worker.fetch(new Request(`http://confab.test${path}`, { method, headers: { Authorization: `Bearer ${token}` }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }));
}

const tokenOf = async (user_id: string, scope?: string) => ((await (await call("", "POST", "/dev/token", { user_id, ...(scope === undefined ? {} : { scope }) })).json()) as { token: string }).token;

test("[B16] [C12] the archiver is down, or has its hands full: the reader is told when to come back, and gets the hot events of the page; [C12] the archive lost or changed a body: the same, counted", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2026-11-05T00:00:00Z") });
  await call(await tokenOf("operator", "service"), "PATCH", "/v1/admin/settings", { seal_events: 20, hot_events: 5, hot_days: 0 });
  const [ann, bob] = ["busy-ann", "busy-bob"];
  const id = directId(ann, bob);
  await session(ann).register(ann);
  for (const i of range(20)) {
    await conversation(id).append({
      conversation_id: id, sender_id: ann, create: [ann, bob], alone: true,
      items: [{ client_msg_id: `k${i}`, device_id: null, content: `message ${i}`, content_type: "text" }],
    });
  }
  vi.stubGlobal("fetch", fakeArchive);
  vi.setSystemTime(Date.parse("2026-11-06T02:00:00Z"));
  await runDurableObjectAlarm(conversation(id));
  await archiveRequests.acknowledgeAll(id);
  await runDurableObjectAlarm(conversation(id));
  const token = await tokenOf(ann);
  const service = await tokenOf("operator", "service");
  const failures = async () => ((await (await call(service, "GET", "/v1/admin/metrics")).json()) as { archive_read_failures?: number }).archive_read_failures ?? 0;
  const before = await failures();
  const busy = () => Promise.resolve(Response.json({ error: errorBody("archive_unavailable", { retry_after_ms: 750 }) }, { status: 503 }));
  vi.stubGlobal("fetch", busy);
  const old = await call(token, "GET", `/v1/history/${id}?order=asc`);
  expect([old.status, old.headers.get("Retry-After"), await old.json()]).toMatchObject([503, "1", { error: { code: "archive_unavailable", retryable: true, retry_after_ms: 750 } }]);
  const cut = (await (await call(token, "GET", `/v1/history/${id}`)).json()) as { events: { seq: number }[]; next_cursor: string };
  expect(cut).toMatchObject({ archive_unavailable: true, retry_after_ms: 750, next_cursor: expect.any(String) as string });
  expect(cut.events.map(({ seq }) => seq)).toEqual([20, 19, 18, 17, 16]);
  // What says no time, or is no archiver at all.
  for (const answer of [new Response("busy", { status: 502 }), Response.json({ error: { retry_after_ms: -1 } }, { status: 503 })]) {
    vi.stubGlobal("fetch", () => Promise.resolve(answer));
    expect(await (await call(token, "GET", `/v1/history/${id}?order=asc`)).json()).toMatchObject({ error: { retry_after_ms: 5_000 } });
  }
  const counted = await failures();
  expect(counted).toBe(before + 4);
  // What the archive lost is an error as well, never a hole.
  vi.stubGlobal("fetch", fakeArchive);
  archiveRequests.forge = (event) => (event.seq === 3 ? null : event);
  expect((await call(token, "GET", `/v1/history/${id}?order=asc`)).status).toBe(503);
  expect(await failures()).toBe(counted + 1);
  archiveRequests.forge = (event) => event;
  const rest = (await (await call(token, "GET", `/v1/history/${id}?cursor=${cut.next_cursor}`)).json()) as { events: { seq: number }[]; next_cursor: null };
  expect([rest.events.map(({ seq }) => seq), rest.next_cursor]).toEqual([range(15).toReversed(), null]);
});
