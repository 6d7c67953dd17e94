// What the archiver counts, for Prometheus and for /health.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

export const PARTS = ["store", "bucket", "edge"] as const;
export type Part = (typeof PARTS)[number];

export interface Metrics {
  registry: Registry;
  archived: Counter;
  rows: Counter<"outcome">;
  errors: Counter<"kind">;
  ackFailures: Counter<"status">;
  reported: Counter<"answer">;
  listCalls: Counter;
  quarantined: Gauge;
  refused: Gauge;
  backlogSegments: Gauge;
  backlogBytes: Gauge;
  oldestAge: Gauge;
  up: Gauge<"part">;
  segmentSeconds: Histogram;
  readSeconds: Histogram<"outcome">;
  readsInFlight: Gauge;
  readsRefused: Counter;
  lastPass: Gauge;
  clockSkew: Gauge;
  archivers: Gauge;
  shards: Gauge;
  rowsPerSecond: Gauge;
  backlogLeft: Gauge;
  textBytes: Gauge;
}

const PREFIX = "confab_archiver_";

export function newMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const named = (name: string, help: string) => ({ name: PREFIX + name, help, registers: [registry] });
  const metrics: Metrics = {
    registry,
    archived: new Counter(named("segments_archived_total", "Segments stored, acknowledged and deleted")),
    rows: new Counter({
      ...named("rows_total", "Rows of archived segments: written now, present already, or expired and left out"),
      labelNames: ["outcome"],
    }),
    errors: new Counter({ ...named("errors_total", "Failures by kind: a part that was unavailable, or what is wrong with a segment"), labelNames: ["kind"] }),
    ackFailures: new Counter({ ...named("ack_failures_total", "Acknowledgements that the edge did not take, by HTTP status; none: no answer"), labelNames: ["status"] }),
    reported: new Counter({ ...named("reported_segments_total", "Wrong segments that their conversations were told of, by what these do"), labelNames: ["answer"] }),
    listCalls: new Counter(named("list_calls_total", "Pages of the bucket's listing that were asked for")),
    quarantined: new Gauge(named("quarantined_segments", "Segments that are wrong and stay in the bucket")),
    refused: new Gauge(named("refused_segments", "Segments that the edge or the store refused and that stay in the bucket")),
    backlogSegments: new Gauge(named("backlog_segments", "Segments of this archiver's share at the last listing, less those archived since")),
    backlogBytes: new Gauge(named("backlog_bytes", "Their compressed bytes")),
    oldestAge: new Gauge(named("oldest_segment_age_seconds", "Age of the oldest segment at the last listing; 0 where none waits")),
    up: new Gauge({ ...named("part_up", "Whether the store, the bucket and the edge answered when last asked"), labelNames: ["part"] }),
    segmentSeconds: new Histogram({ ...named("segment_seconds", "From reading a segment to its deletion"), buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30] }),
    readSeconds: new Histogram({
      ...named("read_seconds", "Answering a read of archived events"),
      labelNames: ["outcome"],
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
    }),
    readsInFlight: new Gauge(named("reads_in_flight", "Reads of archived events that are being answered")),
    readsRefused: new Counter(named("reads_refused_total", "Reads refused because as many as may were under way")),
    clockSkew: new Gauge(named("clock_skew_seconds", "How far this machine's clock is ahead of the bucket's, at the last look")),
    lastPass: new Gauge(named("last_pass_timestamp_seconds", "When the archiver last went through all that waits, s since 1970; 0: not yet")),
    archivers: new Gauge(named("sharing_archivers", "Archivers that share the work, this one among them")),
    shards: new Gauge(named("shards", "Of the 256 shards of the bucket, those that are this archiver's")),
    rowsPerSecond: new Gauge(named("rows_per_second", "Rows archived in a second, over the last minute of work; 0 at rest")),
    backlogLeft: new Gauge(named("backlog_seconds_left", "Until the backlog is archived at this pace; 0 where none waits, -1 where nothing moves")),
    textBytes: new Gauge(named("text_bytes", "Unpacked bytes of segments in hand")),
  };
  for (const outcome of ["written", "present", "expired"]) metrics.rows.inc({ outcome }, 0);
  return metrics;
}
