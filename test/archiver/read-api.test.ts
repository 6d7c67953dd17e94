// The read API over HTTP: who may read, what is refused, and what an answer holds.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type Metrics, newMetrics } from "../../archiver/metrics.ts";
import { newReadServer } from "../../archiver/read-api.ts";
import { ReadSlots } from "../../archiver/read-slots.ts";
import { SqliteStore } from "../../archiver/stores/sqlite.ts";
import { StoreUnavailable } from "../../archiver/stores/store.ts";
import { bucketOf } from "../../protocol/msg-id.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import { planOf, rangesOf } from "../contracts/archive-store.ts";
import { listen } from "../loopback.ts";
import { conversationId, EVERY_TYPE, run, text } from "./segments.ts";
import { metric } from "./world.ts";

const SECRET = new TextEncoder().encode("a secret for the read API, 32 bytes");
const RETENTION_S = 220_752_000;
const NOW = Date.UTC(2027, 0, 1);
const READS = 4;
const conversation = conversationId("read api");
const events = [
  ...run(EVERY_TYPE, { conversation, at: Date.UTC(2026, 10, 30, 23, 59, 50), step: 1_000 }),
  ...run(Array.from({ length: 1_200 }, (_, i) => text(`${i}`)), { conversation, at: Date.UTC(2026, 11, 24), fromSeq: EVERY_TYPE.length + 1 }),
];

let folder: string;
let store: SqliteStore;
let metrics: Metrics;
let url: string;
let close: () => Promise<void>;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "confab-read-"));
  store = new SqliteStore(folder, 220_752_000, Date.now);
  await store.open();
  await store.write(planOf(events));
  metrics = newMetrics();
  const server = newReadServer({ store, secret: SECRET, metrics, retentionS: RETENTION_S, now: () => NOW, slots: new ReadSlots(READS, metrics, () => 0.5) });
  ({ url, close } = await listen(server));
});

afterAll(async () => {
  await close();
  await store.close();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  for (const method of ["log", "error"] as const) vi.spyOn(console, method).mockImplementation(() => undefined);
});

const nowS = () => Math.floor(Date.now() / 1_000);

function token({ claims = { scope: "archive" }, audience = "confab-archiver", iat = nowS(), exp = nowS() + 60, alg = "HS256", secret = SECRET } = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).setAudience(audience).setIssuedAt(iat).setExpirationTime(exp).sign(secret);
}

async function post(body: unknown, authorization?: string): Promise<{ status: number; body: { events?: SegmentEvent[]; error?: { code: string; message: string; retryable: boolean; retry_after_ms?: number } } }> {
  const response = await fetch(`${url}/v1/archive/read`, {
    method: "POST", body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { authorization: authorization ?? `Bearer ${await token()}`, "content-type": "application/json" },
  });
  return { status: response.status, body: (await response.json()) as object };
}

const slice = (from: number, to: number) => events.slice(from - 1, to);

describe("a read", () => {
  test("[B16] of ranges in two months answers their events exactly, ascending", async () => {
    const wanted = slice(1, 60);
    const { status, body } = await post({ conversation_id: conversation, ranges: rangesOf(wanted).toReversed() });
    expect(status).toBe(200);
    expect(body.events).toEqual(wanted);
  });

  test("[B16] of overlapping ranges answers each event once; of what is not stored, nothing", async () => {
    const [range] = rangesOf(slice(20, 29)) as [{ bucket: string; first: string; last: string }];
    const { body } = await post({ conversation_id: conversation, ranges: [range, { ...range, first: slice(25, 25)[0]?.msg_id }] });
    expect(body.events).toEqual(slice(20, 29));
    expect((await post({ conversation_id: conversationId("nobody's"), ranges: [range] })).body).toEqual({ events: [], kept_from: NOW - RETENTION_S * 1_000 + 2_000 });
  });

  test("[B16] of more than a thousand events is refused, never cut short", async () => {
    const { status, body } = await post({ conversation_id: conversation, ranges: rangesOf(slice(15, events.length)) });
    expect([status, body.error?.code]).toEqual([400, "bad_request"]);
    expect((await post({ conversation_id: conversation, ranges: rangesOf(slice(15, 1_014)) })).body.events).toHaveLength(1_000);
  });
});

describe("who may read", () => {
  const read = { conversation_id: conversation, ranges: rangesOf(slice(1, 1)) };

  test.each<[string, () => Promise<string> | string]>([
    ["no token", () => ""],
    ["no bearer", async () => (await token()).replace(/^/, "Basic ")],
    ["a token of another secret", async () => `Bearer ${await token({ secret: new TextEncoder().encode("another secret of 32 bytes or so") })}`],
    ["the edge's audience", async () => `Bearer ${await token({ audience: "confab-edge" })}`],
    ["a user's scope", async () => `Bearer ${await token({ claims: { scope: "service" } })}`],
    ["an expired token", async () => `Bearer ${await token({ iat: nowS() - 95, exp: nowS() - 35 })}`],
    ["a token of more than a minute", async () => `Bearer ${await token({ exp: nowS() + 120 })}`],
    ["a token of the future", async () => `Bearer ${await token({ iat: nowS() + 120, exp: nowS() + 180 })}`],
    ["another algorithm", async () => `Bearer ${await token({ alg: "HS512", secret: new Uint8Array(64) })}`],
    ["no algorithm", () => `Bearer ${btoa('{"alg":"none"}').replaceAll("=", "")}.${btoa(JSON.stringify({ scope: "archive", aud: "confab-archiver", iat: nowS(), exp: nowS() + 60 })).replaceAll("=", "")}.`],
  ])("[D3] %s is unauthorized", async (_name, authorization) => {
    const { status, body } = await post(read, await authorization());
    expect([status, body.error]).toEqual([401, { code: "unauthorized", message: "A valid token is needed.", retryable: false }]);
  });

  test("[D3] clocks may differ by thirty seconds", async () => {
    expect((await post(read, `Bearer ${await token({ iat: nowS() + 20, exp: nowS() + 80 })}`)).status).toBe(200);
    expect((await post(read, `Bearer ${await token({ iat: nowS() - 80, exp: nowS() - 20 })}`)).status).toBe(200);
  });
});

describe("what is refused", () => {
  const [range] = rangesOf(slice(20, 22)) as [{ bucket: string; first: string; last: string }];
  const bad = { conversation_id: conversation };

  test.each<[string, unknown]>([
    ["text that is not JSON", "{"],
    ["no ranges", { ...bad, ranges: [] }],
    ["too many ranges", { ...bad, ranges: Array.from({ length: 101 }, () => range) }],
    ["no conversation id", { conversation_id: "x", ranges: [range] }],
    ["a bucket that is none", { ...bad, ranges: [{ ...range, bucket: "2026" }] }],
    ["another bucket than the ids'", { ...bad, ranges: [{ ...range, bucket: "2026-11" }] }],
    ["a range over two buckets", { ...bad, ranges: [{ ...range, first: events[0]?.msg_id, bucket: bucketOf(events[0]?.msg_id as string) }] }],
    ["a range backwards", { ...bad, ranges: [{ ...range, first: range.last, last: range.first }] }],
    ["an id that is none", { ...bad, ranges: [{ ...range, first: "1" }] }],
  ])("[B16] %s is a bad request", async (_name, body) => {
    const answer = await post(body);
    expect([answer.status, answer.body.error?.code, answer.body.error?.retryable]).toEqual([400, "bad_request", false]);
  });

  test("[B16] a body over 64 KiB is refused with an answer", async () => {
    expect((await post(" ".repeat(70_000))).body.error?.code).toBe("frame_too_large");
    expect((await post(" ".repeat(5_000_000))).status).toBe(413);
  });

  test("[B16] other paths and methods have their errors", async () => {
    const get = async (target: string, method = "GET") => {
      const response = await fetch(url + target, { method });
      return [response.status, ((await response.json()) as { error: { code: string } }).error.code];
    };
    expect(await get("/v1/archive/read")).toEqual([405, "method_not_allowed"]);
    expect(await get("/")).toEqual([404, "not_found"]);
    expect(await get("/metrics", "POST")).toEqual([405, "method_not_allowed"]);
  });
});

test("[B16] [C12] too many reads of old pages: more than may be under way are refused at once, with a time to come back, and counted", async () => {
  const read = { conversation_id: conversation, ranges: rangesOf(slice(1, 1)) };
  const going = Promise.withResolvers<void>();
  const plain = store.read.bind(store);
  const slow = vi.spyOn(store, "read").mockImplementation(async (...given) => {
    await going.promise;
    return plain(...given);
  });
  const answers = Array.from({ length: READS + 3 }, () => post(read));
  await expect.poll(() => metric(metrics, "readsRefused"), { timeout: 10_000 }).toBe(3);
  expect(await metric(metrics, "readsInFlight")).toBe(READS);
  going.resolve();
  slow.mockRestore();
  const all = await Promise.all(answers);
  expect(all.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([...Array.from({ length: READS }, () => 200), 503, 503, 503]);
  for (const { body } of all.filter(({ status }) => status === 503)) expect(body.error).toMatchObject({ code: "archive_unavailable", retryable: true, retry_after_ms: 750 });
  expect(await metric(metrics, "readsInFlight")).toBe(0);
  expect((await post(read)).status).toBe(200);
});

test("[C12] alive is not ready: a store that is down makes it unready, and nobody restarts it for that", async () => {
  const check = vi.spyOn(store, "check").mockRejectedValue(new StoreUnavailable("down for the test"));
  const status = async (what: string) => (await fetch(`${url}/health/${what}`)).status;
  expect([await status("live"), await status("ready")]).toEqual([200, 503]);
  check.mockRestore();
  expect([await status("live"), await status("ready")]).toEqual([200, 200]);
});

test("[C10] a store that is down is a typed error for readers and 503 for health, and comes back", async () => {
  const down = vi.spyOn(store, "read").mockRejectedValue(new StoreUnavailable("down for the test"));
  const check = vi.spyOn(store, "check").mockRejectedValue(new StoreUnavailable("down for the test"));
  const read = { conversation_id: conversation, ranges: rangesOf(slice(1, 1)) };
  const { status, body } = await post(read);
  expect([status, body.error]).toEqual([503, { code: "archive_unavailable", message: "Older messages can't be read right now.", retryable: true, retry_after_ms: 1_000 }]);
  expect((await fetch(`${url}/health`)).status).toBe(503);
  down.mockRestore();
  check.mockRestore();
  expect((await post(read)).status).toBe(200);
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ ok: true, store: { kind: "sqlite", up: true }, lag: { segments: 0, quarantined: 0 } });
});

test("[C12] metrics name what an operator watches", async () => {
  await post({ conversation_id: conversation, ranges: rangesOf(slice(1, 1)) });
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get("content-type")).toContain("text/plain");
  const exposed = await response.text();
  for (const name of ["segments_archived_total", "rows_total", "errors_total", "ack_failures_total", "list_calls_total", "quarantined_segments", "refused_segments", "backlog_segments", "backlog_bytes", "oldest_segment_age_seconds", "part_up", "segment_seconds", "read_seconds_bucket", "reads_in_flight", "reads_refused_total", "last_pass_timestamp_seconds", "reported_segments_total"]) {
    expect(exposed).toContain(`confab_archiver_${name}`);
  }
  expect(exposed).toMatch(/confab_archiver_read_seconds_count\{outcome="ok"\} \d+/);
});
