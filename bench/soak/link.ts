// What the soak and its generators say to one another: over IPC, as structured clones.
import type { PhaseName } from "./phases.ts";

/** The people of one generator, and what they do a second together. */
export interface VillagePlan {
  number: number;
  url: string;
  /** null: the deployment gives tokens to anybody. */
  tokenCommand: string | null;
  /** Connected at a time; there are more people than that. */
  sockets: number;
  messagesPerSecond: number;
}

export type ToGenerator = { type: "begin"; plan: VillagePlan } | { type: "phase"; phase: PhaseName } | { type: "window" } | { type: "finish" };

/** What happened since the last window. Latencies in ms. */
export interface Window {
  ack: Float64Array;
  delivery: Float64Array;
  sockets: number;
  counts: Counts;
}

/** Since the start. */
export interface Counts {
  sent: number;
  acked: number;
  /** Live, and in their turn; what came again or was pulled is not among them. */
  delivered: number;
  repeated: number;
  pulled_pages: number;
  connects: number;
  /** Closed by the other side or by the network. */
  closed: number;
  refused_sends: number;
  joins: number;
  leaves: number;
  pauses: number;
  resent: number;
  violations: number;
}

export interface Findings {
  conversations: number;
  events: number;
  /** Acknowledged messages that were looked for. */
  acked: number;
  /** Devices' views of conversations that were compared with the head. */
  views: number;
  closeCodes: Record<string, number>;
  refusals: Record<string, number>;
  /** At most VIOLATIONS_KEPT of them. */
  violations: string[];
}

export type FromGenerator = { type: "ready" } | { type: "window"; window: Window } | { type: "finished"; findings: Findings } | { type: "failed"; reason: string };
