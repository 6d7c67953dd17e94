// What a run says at its end: a table, the violations with their evidence, and one last line.
import type { Beside } from "./beside.ts";
import type { Victim } from "./faults.ts";
import { CODES, type Code, type Violation } from "./violation.ts";

export interface Result extends Beside {
  seed: number;
  rounds: number;
  clients: number;
  kills: number;
  kills_of: Record<Victim, number>;
  /** ms that the longest interruption took, from the kill until it served again; null where nothing was killed. */
  longest_down_ms: number | null;
  messages: number;
  /** Edits, deletions and reactions. */
  changes: number;
  acks: number;
  /** Events that devices got over their connections, each counted once for a device. */
  deliveries: number;
  conversations: number;
  /** Whole histories that were read from end to end, and the events of all pages. */
  histories: number;
  events_read: number;
  /** Events whose bodies had left the objects; null where nobody may ask. */
  archived: number | null;
  /** Rows of the archive that were compared in its own file; null where it is not here. */
  archive_rows: number | null;
  reconnects: number;
  /** How often each error code was answered; transient ones are part of a crash. */
  errors: Record<string, number>;
  seconds: number;
  /** Over the hashes of all histories; null where they were not read. */
  hash: string | null;
  violations: Violation[];
}

/** Violations of one kind that are told in full; their number is told in any case. */
const TOLD = 5;
const EVIDENCE = 25;

export function table(result: Result): string[] {
  const errors = Object.entries(result.errors).map(([code, count]) => `${code} ${count}`).join(", ");
  const { runtime, tree, deploy } = result.kills_of;
  const rows: [string, string | number][] = [
    ["seed", result.seed],
    ["rounds", result.rounds],
    ["kills", result.kills === 0 ? 0 : `${result.kills}: the runtime ${runtime}, every process ${tree}, for another version ${deploy} (back after at most ${((result.longest_down_ms ?? 0) / 1_000).toFixed(1)} s)`],
    ["the archiver killed", result.archiver_kills],
    ["objects thrown out", result.evictions],
    ["users with two devices", result.clients],
    ["conversations", result.conversations],
    ["messages", result.messages],
    ["edits, deletions, reactions", result.changes],
    ["acks", result.acks],
    ["deliveries", result.deliveries],
    ["reconnects", result.reconnects],
    ["histories read", result.histories],
    ["events read", result.events_read],
    ["events pruned to the archive", result.archived ?? "not known"],
    ["rows of the archive compared", result.archive_rows ?? "not known"],
    ["errors answered", errors === "" ? "none" : errors],
    ["seconds", result.seconds.toFixed(1)],
    ["hash of the histories", result.hash ?? "none"],
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
