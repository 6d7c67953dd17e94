// What every part of a run works on.
import type { Deployment } from "./deployment.ts";
import type { Way } from "./connection.ts";
import { Device } from "./device.ts";
import { Journal } from "./journal.ts";
import type { Plan } from "./plan.ts";
import { DEVICES } from "./scripts.ts";
import type { Spill } from "./spill.ts";
import { Violations } from "./violation.ts";

export interface World {
  readonly deployment: Deployment;
  readonly plan: Plan;
  readonly journal: Journal;
  readonly violations: Violations;
  /** Of the regulars, the guests and the sleepers, by name. */
  readonly devices: ReadonlyMap<string, Device>;
  readonly spill: Spill;
}

/** How long things may take before their absence is a violation, ms. */
export const BOUNDS = {
  /** From when the deployment serves to the acknowledgement of all that was sent. */
  answer: 30_000,
  /** Until every member was told of what they have, or finds it in their list. */
  learn: 15_000,
  /** Until archived bodies can be read again after a restart. */
  archive: 30_000,
};

/** With thousands in flight on a machine that does other things too. */
const BUSY_FACTOR = 3;

export function makeWorld(deployment: Deployment, plan: Plan, spill: Spill, ways = wayOf): World {
  if (plan.sizes.busy) for (const name of ["answer", "learn", "archive"] as const) BOUNDS[name] *= BUSY_FACTOR;
  const world = { deployment, plan, journal: new Journal(plan.seed), violations: new Violations(), spill };
  const devices = [
    ...plan.regulars.flatMap((user, i) => DEVICES.map((device) => new Device(world, user, device, ways(i, device)))),
    ...[...plan.guests, ...plan.sleepers].map((user) => new Device(world, user, "phone")),
  ];
  return { ...world, devices: new Map(devices.map((device) => [device.name, device])) };
}

/** Every way in is somebody's, and nobody's two devices have the same in all cases. */
function wayOf(user: number, device: (typeof DEVICES)[number]): Way {
  if (device === "phone") return user % 2 === 0 ? "json" : "pb";
  return user % 3 === 1 ? "poll" : "json";
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Asks every `everyMs` until it holds; false when `withinMs` have passed before. */
export async function until(holds: () => boolean, withinMs: number, everyMs = 20): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline) return false;
    await pause(everyMs);
  }
  return true;
}

/** From the first violation on nothing more need be waited for, and nothing be blamed for its absence. */
export function isMoot({ violations }: Pick<World, "violations">): boolean {
  return violations.all.length > 0;
}

/** At most `width` at once. */
export async function inLanes<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const lane = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
