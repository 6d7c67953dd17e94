// What happens when: rounds of steady traffic, a burst, and a quiet time in which objects are to hibernate.

export const PHASES = ["warm_up", "steady", "burst", "quiet"] as const;
export type PhaseName = (typeof PHASES)[number];

export interface Phase {
  phase: PhaseName;
  round: number;
  from_ms: number;
  to_ms: number;
}

/** How many times the steady rate a burst has, and a quiet time. */
export const INTENSITY: Readonly<Record<PhaseName, number>> = { warm_up: 1, steady: 1, burst: 5, quiet: 0 };

const MINUTE_MS = 60_000;
/** Of a round; a short run has shorter ones, so that there are enough of them to tell a slope. */
const LONGEST_ROUND_MS = 3 * MINUTE_MS;
const ROUNDS_WANTED = 12;
/** An object is put away ten seconds after its last work, which a burst may leave behind for some seconds. */
const QUIET_MS = { shortest: 20_000, share: 0.25 };
const BURST_SHARE = 0.08;
/** Of the whole run: objects and caches come to their size. */
const WARM_UP_SHARE = 0.1;
const SHORTEST_ROUND_MS = 40_000;

/** The phases of a run, without a gap. */
export function planPhases(totalMs: number): Phase[] {
  const warmUp = totalMs * WARM_UP_SHARE;
  const rest = totalMs - warmUp;
  const round = Math.min(LONGEST_ROUND_MS, Math.max(Math.min(SHORTEST_ROUND_MS, rest), rest / ROUNDS_WANTED));
  const rounds = Math.max(1, Math.floor(rest / round));
  const phases: Phase[] = [{ phase: "warm_up", round: 0, from_ms: 0, to_ms: warmUp }];
  const add = (phase: PhaseName, number: number, ms: number): void => {
    const from_ms = (phases.at(-1) as Phase).to_ms;
    phases.push({ phase, round: number, from_ms, to_ms: from_ms + ms });
  };
  const length = rest / rounds;
  const quiet = Math.min(length / 2, Math.max(QUIET_MS.shortest, length * QUIET_MS.share));
  const burst = length * BURST_SHARE;
  const steady = length - quiet - burst;
  for (let number = 1; number <= rounds; number += 1) {
    add("steady", number, steady * 0.75);
    add("burst", number, burst);
    add("steady", number, steady * 0.25);
    add("quiet", number, quiet);
  }
  return phases;
}
