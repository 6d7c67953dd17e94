// What a run says at its end: a table, the violations with their evidence, and one last line.
import { CODES, type Code, type Violation } from "./violation.ts";

export interface Result {
  seed: number;
  rounds: number;
  clients: number;
  kills: number;
  /** ms that the longest interruption took, from the kill until it served again; null where nothing was killed. */
  longest_down_ms: number | null;
  messages: number;
  acks: number;
  /** Events that devices got over their sockets, each counted once for a device. */
  deliveries: number;
  conversations: number;
  /** Whole histories that were read and compared. */
  histories: number;
  /** Events whose bodies had left the objects; null where nobody may ask. */
  archived: number | null;
  reconnects: number;
  /** How often each error code was answered; transient ones are part of a crash. */
  errors: Record<string, number>;
  seconds: number;
  violations: Violation[];
}

/** Violations of one kind that are told in full; their number is told in any case. */
const TOLD = 5;
const EVIDENCE = 25;

export function table(result: Result): string[] {
  const errors = Object.entries(result.errors).map(([code, count]) => `${code} ${count}`).join(", ");
  const rows: [string, string | number][] = [
    ["seed", result.seed],
    ["rounds", result.rounds],
    ["kills", result.kills === 0 ? 0 : `${result.kills} (back after at most ${((result.longest_down_ms ?? 0) / 1_000).toFixed(1)} s)`],
    ["users with two devices", result.clients],
    ["conversations", result.conversations],
    ["messages", result.messages],
    ["acks", result.acks],
    ["deliveries", result.deliveries],
    ["reconnects", result.reconnects],
    ["histories read", result.histories],
    ["events pruned to the archive", result.archived ?? "not known"],
    ["errors answered", errors === "" ? "none" : errors],
    ["seconds", result.seconds.toFixed(1)],
    ["violations", result.violations.length],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${typeof value === "number" ? value.toLocaleString("en-US", { useGrouping: name !== "seed" }) : value}`);
}

export function explain(violations: readonly Violation[]): string[] {
  const byCode = Map.groupBy(violations, ({ code }) => code);
  return [...byCode].flatMap(([code, all]: [Code, Violation[]]) => [
    "",
    `${code}: ${CODES[code]} (${all.length})`,
    ...all.slice(0, TOLD).flatMap(({ what, evidence }) => [`  ${what}`, ...evidence.slice(0, EVIDENCE).map((line) => `      ${line}`)]),
    ...(all.length > TOLD ? [`  … and ${all.length - TOLD} more`] : []),
  ]);
}

export function lastLine({ violations }: Pick<Result, "violations">): string {
  return violations.length === 0 ? "verify: ok" : `verify: ${violations.length} ${violations.length === 1 ? "violation" : "violations"}`;
}
