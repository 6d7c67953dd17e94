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

/** Of one core, without receipts: `npm run bench` on a quiet machine, 2026-11-27, medians; the sockets by bare prototypes, 170 to 280. */
export const MEASURED = {
  /** Messages a second of direct conversations, one in flight in each of a hundred. */
  core_messages_per_s: 1_596,
  /** Deliveries a second of one conversation of 100 with ten senders. */
  object_deliveries_per_s: 45_738,
  /** Server CPU of a direct message, ms. */
  cpu_ms: 0.51,
  /** From the sender's frame to the recipient's, p50 at 200 messages a second, ms. */
  delivery_ms: 0.9,
  /** Of the process, for each socket that does nothing, with an object of its own. */
  kib_per_socket: 280,
} as const;

/** Bytes of the object's file for each direct message of 120 bytes, the index of keys included; what is sealed is blanked later. */
export const STORED = { hot_bytes: 900 } as const;
