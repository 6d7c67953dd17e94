// What one message costs, as tests count it (test/e2e/scale.e2e.test.ts), and what one core did, as the bench measured it
// (docs/performance.md). The arithmetic of docs/scale.md stands on nothing else.

/** For one message. */
export interface Cost {
  /** SQL rows written, as the platform counts them. */
  rows: number;
  /** Calls from object to object, and alarms: a request each. */
  calls: number;
  /** Units of clients' sockets (a frame, or an array of them) to the platform, which counts twenty as a request. */
  units: number;
}

/** At most; receipts, delivered and read, and the settle included. */
export const COUNTED = {
  /** A message of a direct conversation to which nothing comes for seconds before and after. */
  alone: { rows: 8, calls: 8, units: 2 },
  /** One of 64 that come together, read together. */
  busy: { rows: 2.2, calls: 0.2, units: 0.04 },
} as const satisfies Record<string, Cost>;

/** Rows that come to every message later: its entry for search, and the blanking of its body once it is archived. */
export const LATER_ROWS = 2;

/** Of one core (docs/performance.md, 2026-11-28 and, for the delivery, 2026-11-27), `npm run bench -- --workload idle` for the sockets. */
export const MEASURED = {
  /** Messages a second of direct conversations, one in flight in each of a hundred, without receipts. */
  core_messages_per_s: 1_533,
  /** From the sender's frame to the recipient's, p50 at 200 messages a second, receipts included, ms. */
  delivery_ms: 1.0,
  /** Of the processes, for each of 1,000 sockets that do nothing, with an object of its own, asleep for 15 s. */
  kib_per_socket: 330,
} as const;

/** Bytes. */
export const STORED = {
  /** Of the object's file for each direct message of 120 bytes, the index of keys included; what is sealed is blanked later. */
  hot_bytes: 900,
  /** Of Cassandra's files for each row of the archive, one copy, of a text of 200 bytes that compresses well (`npm run bench:archive`, 100,000 rows). */
  archived_bytes: 211,
} as const;
