// What a run has shown: each question with yes, no, or that this run can't tell.
import { median } from "../samples.ts";
import type { Findings } from "./link.ts";
import type { Round, Sample } from "./samples.ts";
import { type Trend, trendOf } from "./trend.ts";

export interface Answer {
  question: string;
  /** null: this run can't tell. */
  holds: boolean | null;
  says: string;
  trend?: Trend;
}

export interface Run {
  rounds: readonly Round[];
  samples: readonly Sample[];
  findings: readonly Findings[];
  /** The runtime at the end is another process than at the beginning. */
  restarted: boolean;
}

/** A rise that is sure and larger than this, of what it is on average in the whole run, is one. */
const LATENCY_RISE = 0.1;
/** And an hour. */
const MEMORY_RISE = 0.03;
/** The runtime puts an object away ten seconds after its last work, and a conversation settles three seconds after a message. */
const QUIET_ENOUGH_S = 15;
/** Of the most that were awake at once: alarms wake some at any time. */
const AWAKE_AT_REST = 0.1;

export function verdictOf(run: Run): Answer[] {
  const { rounds, samples } = run;
  const hours = (samples.at(-1)?.at_s ?? 0) / 3_600;
  return [
    rising("the p99 of acknowledgements does not rise", rounds, "ack_p99", "ms", hours, LATENCY_RISE),
    rising("the p99 of deliveries does not rise", rounds, "delivery_p99", "ms", hours, LATENCY_RISE),
    rising("the runtime's memory does not rise", rounds, "runtime_rss_mb", "MB", 1, MEMORY_RISE),
    rising("the archiver's memory does not rise", rounds, "archiver_rss_mb", "MB", 1, MEMORY_RISE),
    rising("open descriptors do not rise", rounds, "descriptors_at_rest", "", 1, MEMORY_RISE),
    hibernates(rounds),
    disposed(samples),
    served(run),
    kept(run.findings),
  ];
}

export function failed(answers: readonly Answer[]): boolean {
  return answers.some(({ holds }) => holds === false);
}

type Series = "ack_p99" | "delivery_p99" | "runtime_rss_mb" | "archiver_rss_mb" | "descriptors_at_rest";

/** @param overHours the rise is told and judged over this long */
function rising(question: string, rounds: readonly Round[], series: Series, unit: string, overHours: number, allowed: number): Answer {
  const points = rounds.flatMap((round) => (round[series] === null ? [] : [{ at: round.at, value: round[series] }]));
  const trend = trendOf(points);
  if (trend === null) return { question, holds: null, says: `only ${points.length} rounds saw it` };
  const usual = median(points.map(({ value }) => value));
  const over = (slope: number): string => `${slope * overHours >= 0 ? "+" : ""}${(slope * overHours).toFixed(1)}`;
  const says = `median ${usual.toFixed(1)} ${unit}, ${over(trend.slope)} ${unit} in ${overHours.toFixed(2)} h, with 95% between ${over(trend.lowest)} and ${over(trend.highest)} (${trend.points} rounds)`.replaceAll("  ", " ");
  return { question, holds: !(trend.lowest > 0 && trend.slope * overHours > usual * allowed), says, trend };
}

function hibernates(rounds: readonly Round[]): Answer {
  const question = "idle objects are put away";
  const seen = rounds.flatMap(({ awake_most, awake_at_rest, quiet_s }) => (awake_most === null || awake_at_rest === null || quiet_s < QUIET_ENOUGH_S ? [] : [{ most: awake_most, rest: awake_at_rest }]));
  if (seen.length === 0) return { question, holds: null, says: `there was no quiet time of ${QUIET_ENOUGH_S} s, or the server is out of sight` };
  const most = Math.max(...seen.map(({ most: count }) => count));
  const rest = seen.map((round) => round.rest);
  return {
    question, holds: seen.every((round) => round.rest <= round.most * AWAKE_AT_REST),
    says: `at most ${most} awake at once; at the end of the quiet times ${Math.min(...rest)} to ${Math.max(...rest)}, median ${median(rest)}`,
  };
}

function disposed(samples: readonly Sample[]): Answer {
  const question = "no stub and no call is left undisposed, no exception uncaught";
  const last = samples.at(-1)?.server ?? null;
  if (last === null) return { question, holds: null, says: "the server is out of sight" };
  return { question, holds: last.undisposed === 0 && last.uncaught === 0, says: `${last.undisposed} and ${last.uncaught} lines of the runtime's log say so` };
}

function served({ restarted, samples }: Run): Answer {
  const question = "the runtime that was started serves to the end";
  if ((samples.at(-1)?.server ?? null) === null) return { question, holds: null, says: "the server is out of sight" };
  return { question, holds: !restarted, says: restarted ? "it is another process" : "it is the same process" };
}

function kept(findings: readonly Findings[]): Answer {
  const sum = (of: (found: Findings) => number): number => findings.reduce((total, found) => total + of(found), 0);
  const violations = findings.flatMap((found) => found.violations);
  const first = violations.slice(0, 3).map((violation) => `; ${violation}`).join("");
  return {
    question: "every acknowledged message is there, once, in order, and on every device",
    holds: sum(({ acked }) => acked) === 0 ? null : violations.length === 0,
    says: `${sum(({ acked }) => acked)} acknowledged messages in ${sum(({ events }) => events)} events of ${sum(({ conversations }) => conversations)} conversations, ${sum(({ views }) => views)} views of devices; ${violations.length} violations${first}`,
  };
}
