// What may go wrong in a world, how often. Each world has its own mixture: some are calm, some have one kind of fault alone.
import type { Chance } from "./chance.ts";

export interface Faults {
  /** Of a call between objects: it never arrives, or its answer never does. */
  call_lost: number;
  /** … or takes long. */
  call_slow: number;
  /** Of an HTTP request of a device or an archiver: as of calls. */
  request_lost: number;
  /** Chances in a second of the whole world. */
  cuts: number;
  crashes: number;
  naps: number;
  /** Of an alarm: late, twice, lost until all is well, given up for good. */
  alarm_late: number;
  alarm_twice: number;
  alarm_lost: number;
  /** Of a commit: takes long. */
  commit_slow: number;
  /** Of the bucket and the archive: fails before or after. */
  bucket: number;
  archiver_crash: number;
  /** Of a device: reloads, goes offline for a while. */
  reloads: number;
  offline: number;
  /** Reads nothing from its socket for a while. */
  stalls: number;
}

const CALM: Faults = {
  call_lost: 0, call_slow: 0, request_lost: 0, cuts: 0, crashes: 0, naps: 0, alarm_late: 0, alarm_twice: 0, alarm_lost: 0, commit_slow: 0,
  bucket: 0, archiver_crash: 0, reloads: 0, offline: 0, stalls: 0,
};

/** At their worst. */
const WORST: Faults = {
  call_lost: 0.15, call_slow: 0.1, request_lost: 0.2, cuts: 0.6, crashes: 0.8, naps: 1, alarm_late: 0.3, alarm_twice: 0.3, alarm_lost: 0.2, commit_slow: 0.2,
  bucket: 0.25, archiver_crash: 0.1, reloads: 0.15, offline: 0.2, stalls: 0.15,
};

export function healed(): Faults {
  return { ...CALM };
}

/** About half of all kinds, each at some strength. */
export function someFaults(chance: Chance): Faults {
  const faults = { ...CALM };
  const share = chance.next();
  for (const name of Object.keys(WORST) as (keyof Faults)[]) if (chance.is(share)) faults[name] = WORST[name] * chance.next();
  return faults;
}
