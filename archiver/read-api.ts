// What the archiver serves: archived events to the edge, and health and metrics to its operator.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import * as v from "valibot";
import { errorFields, log } from "../log/log.ts";
import { ArchiveRead, type ArchiveReadAnswer } from "../protocol/archive.ts";
import { ChatError, type ErrorBody, errorBody, ERRORS } from "../protocol/errors.ts";
import { bucketOf } from "../protocol/msg-id.ts";
import type { SegmentEvent } from "../protocol/segment.ts";
import type { Metrics } from "./metrics.ts";
import type { ReadSlots } from "./read-slots.ts";
import { eventOf } from "./rows.ts";
import { type ArchiveStore, StoreUnavailable } from "./stores/store.ts";
import { isFromEdge } from "./token.ts";

/** A hundred ranges take 13 KB. */
const BODY_BYTES = 64 * 1024;
/** Of one answer; a page of history is at most 100. */
const EVENTS_MAX = 1_000;
const RETRY_AFTER_MS = 1_000;
/** A row ends up to this much before its retention does: its time is rounded down to a second, and its TTL is in seconds. */
const TTL_SLACK_MS = 2_000;

export interface ReadTools {
  store: ArchiveStore;
  secret: Uint8Array;
  metrics: Metrics;
  retentionS: number;
  /** ms */
  now: () => number;
  slots: ReadSlots;
}

interface Answer {
  status: number;
  type: string;
  body: string;
  headers?: Record<string, string>;
}

const json = (status: number, value: unknown): Answer => ({ status, type: "application/json", body: JSON.stringify(value) });

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop early must not destroy the socket, or the refusal could not be answered.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES) throw new ChatError("frame_too_large", { message: `The body is over ${BODY_BYTES} bytes.` });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseRead(text: string): ArchiveRead {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ChatError("bad_request", { message: "The body is not JSON." });
  }
  const read = v.safeParse(ArchiveRead, value);
  if (!read.success) throw new ChatError("bad_request", { message: `${v.getDotPath(read.issues[0]) ?? "The body"} is not valid.` });
  const bad = read.output.ranges.find(({ bucket, first, last }) => first > last || bucketOf(first) !== bucket || bucketOf(last) !== bucket);
  if (bad !== undefined) throw new ChatError("bad_request", { message: `A range does not lie within its bucket ${bad.bucket}.` });
  return read.output;
}

/** Ascending and each once, however the ranges overlap. */
async function readEvents(store: ArchiveStore, { conversation_id, ranges }: ArchiveRead): Promise<SegmentEvent[]> {
  await store.open();
  const events = new Map<string, SegmentEvent>();
  for (const range of ranges) {
    for (const row of await store.read(conversation_id, range, EVENTS_MAX + 1 - events.size)) {
      events.set(row.message_id, eventOf(conversation_id, row));
    }
    // A shorter answer would pass for the end of what is archived.
    if (events.size > EVENTS_MAX) throw new ChatError("bad_request", { message: `The ranges hold more than ${EVENTS_MAX} events.` });
  }
  return [...events.values()].toSorted((a, b) => (a.msg_id < b.msg_id ? -1 : 1));
}

async function answerRead(request: IncomingMessage, { store, secret, retentionS, now, slots }: ReadTools): Promise<Answer> {
  if (!(await isFromEdge(request.headers.authorization, secret))) throw new ChatError("unauthorized");
  const read = parseRead(await bodyOf(request));
  const answer: ArchiveReadAnswer = { events: await slots.within(() => readEvents(store, read)), kept_from: now() - retentionS * 1_000 + TTL_SLACK_MS };
  return json(200, answer);
}

async function valueOf(gauge: Metrics["backlogSegments"] | Metrics["up"], labels: Record<string, string> = {}): Promise<number | null> {
  const { values } = await gauge.get();
  const found = values.find((value) => Object.entries(labels).every(([name, label]) => (value.labels as Record<string, unknown>)[name] === label));
  return found?.value ?? null;
}

async function answerHealth({ store, metrics }: ReadTools): Promise<Answer> {
  // Why it is down is in the loop's log: whoever asks for health may ask many times a second.
  const up = await store.open().then(() => store.check()).then(() => true, () => false);
  const bucket = await valueOf(metrics.up, { part: "bucket" });
  const edge = await valueOf(metrics.up, { part: "edge" });
  return json(up ? 200 : 503, {
    ok: up,
    store: { kind: store.kind, up },
    // null: not asked yet
    s3: { up: bucket === null ? null : bucket === 1 },
    edge: { up: edge === null ? null : edge === 1 },
    lag: {
      segments: await valueOf(metrics.backlogSegments),
      bytes: await valueOf(metrics.backlogBytes),
      oldest_age_s: await valueOf(metrics.oldestAge),
      quarantined: await valueOf(metrics.quarantined),
      refused: await valueOf(metrics.refused),
    },
  });
}

function refusal(error: unknown): Answer {
  if (error instanceof ChatError) return failed(ERRORS[error.code].http, errorBody(error.code, error.detail));
  log("error", "archive_read_failed", errorFields(error));
  if (error instanceof StoreUnavailable) return failed(503, errorBody("archive_unavailable", { retry_after_ms: RETRY_AFTER_MS }));
  return failed(500, errorBody("internal"));
}

function failed(status: number, error: ErrorBody): Answer {
  const { retry_after_ms } = error;
  return { ...json(status, { error }), headers: { connection: "close", ...(retry_after_ms === undefined ? {} : { "retry-after": String(Math.ceil(retry_after_ms / 1_000)) }) } };
}

async function route(request: IncomingMessage, tools: ReadTools): Promise<Answer> {
  const path = (request.url ?? "").split("?")[0];
  const allow = (method: string) => {
    if (request.method !== method) throw new ChatError("method_not_allowed");
  };
  switch (path) {
    case "/v1/archive/read": {
      allow("POST");
      return answerRead(request, tools);
    }
    // The process answers: what a supervisor may restart it for is that it does not.
    case "/health/live": {
      allow("GET");
      return json(200, { ok: true });
    }
    case "/health":
    case "/health/ready": {
      allow("GET");
      return answerHealth(tools);
    }
    case "/metrics": {
      allow("GET");
      return { status: 200, type: tools.metrics.registry.contentType, body: await tools.metrics.registry.metrics() };
    }
    default:
      throw new ChatError("not_found");
  }
}

async function serve(request: IncomingMessage, response: ServerResponse, tools: ReadTools): Promise<void> {
  const timed = request.url === "/v1/archive/read" ? tools.metrics.readSeconds.startTimer() : null;
  const answer = await route(request, tools).catch(refusal);
  timed?.({ outcome: answer.status === 200 ? "ok" : answer.status >= 500 ? "failed" : "refused" });
  response.writeHead(answer.status, { "content-type": answer.type, "cache-control": "no-store", ...answer.headers });
  response.end(answer.body);
}

/** Not listening yet. */
export function newReadServer(tools: ReadTools): Server {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    serve(request, response, tools).catch((error: unknown) => {
      log("error", "archive_answer_failed", errorFields(error));
      response.destroy();
    });
  });
  return server;
}
