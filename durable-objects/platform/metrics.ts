// Counters of this isolate: what GET /v1/admin/metrics shows. They start at zero with the isolate.

export type MetricName =
  | "rows_written" | "appends" | "appended_events" | "duplicates" | "delivery_calls" | "delivered_events" | "delivery_failures"
  | "mode_changes" | "notifies_out" | "frames_in" | "frames_out" | "settles" | "segments_sealed" | "segments_archived" | "events_pruned" | "task_failures"
  | "wakes_conversation" | "wakes_session" | "wakes_blob" | "rate_limited" | "archive_reads" | "archive_read_failures" | "messages_indexed" | "index_merges" | "people_searches" | "directory_puts" | "reports_filed"
  | "session_alarms" | "presence_events" | "presence_queries" | "presence_entries" | "presence_query_ms" | "typing_events"
  | "segments_put_again" | "receipts" | "receipt_flushes" | "statuses_told" | "redeliveries" | "credit_exhausted" | "closed_slow"
  | "append_failures" | "settings_failures" | "media_claims" | "media_claim_failures" | "media_retired" | "media_removed" | "issuer_failures" | "needs_restore"
  | "uploads_started" | "media_store_failures" | "line_messages" | "lines_opened" | "lines_lost";

const counters = new Map<MetricName, number>();

export function count(name: MetricName, by = 1): void {
  counters.set(name, (counters.get(name) ?? 0) + by);
}

export function metrics(): Record<string, number> {
  return Object.fromEntries([...counters].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
