// What every part of a run works on.
import type { Deployment } from "./deployment.ts";
import { Device } from "./device.ts";
import { Journal } from "./journal.ts";
import type { Plan } from "./plan.ts";
import { DEVICES } from "./scripts.ts";
import { Violations } from "./violation.ts";

export interface World {
  readonly deployment: Deployment;
  readonly plan: Plan;
  readonly journal: Journal;
  readonly violations: Violations;
  /** The regulars' devices, by name. */
  readonly devices: ReadonlyMap<string, Device>;
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

export function makeWorld(deployment: Deployment, plan: Plan): World {
  const journal = new Journal();
  const violations = new Violations();
  const devices = plan.regulars.flatMap((user) => DEVICES.map((device) => new Device(deployment, journal, violations, user, device)));
  return { deployment, plan, journal, violations, devices: new Map(devices.map((device) => [device.name, device])) };
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

/** Something was found broken, and takes along what else is waited for: that much longer it may still come. */
const MOOT_MS = 2_000;

/** From the first violation on nothing more need be waited for, and nothing be blamed for its absence. */
export function mootness({ violations }: Pick<World, "violations">): () => boolean {
  let since: number | null = null;
  return () => {
    if (violations.all.length === 0) return false;
    since ??= performance.now();
    return performance.now() - since > MOOT_MS;
  };
}

/** At most `width` at once. */
export async function inLanes<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const lane = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
