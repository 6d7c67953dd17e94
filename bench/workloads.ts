// The workloads, as plans: who sends to whom, and when a sender sends again. Loads put messages on for the time of a round;
// `reconnect-1000` and `idle` measure one thing each.

/** What runs unless it is named. */
export const USUAL = ["pairs", "pairs-32", "open-200", "group-1", "group-10"] as const;
export const WORKLOADS = [...USUAL, "group-500", "notify-500", "reconnect-1000", "idle"] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

export interface LoadPlan {
  kind: "load";
  /** Users bench-0 to the one before this are connected. */
  users: number;
  /** `pairs`: the first half sends, each to its own of the second. `group`: the first ones send to all the others. */
  shape: "pairs" | "group";
  senders: number;
  loop: Loop;
  /** Only these open the group, and the others are told by `notify`; absent where all get the bodies. */
  viewers?: number;
}

export type Loop =
  /** So many at first as one unit; again as many as are acknowledged, or one when everybody has the last. */
  | { kind: "closed"; first: number; again: "acked" | "arrived" }
  /** So many a second over all senders, whatever the answers. */
  | { kind: "open"; rate: number };

export interface ReconnectPlan {
  kind: "reconnect";
  users: 2;
  missed: number;
}

export interface IdlePlan {
  kind: "idle";
  users: number;
}

export type Plan = LoadPlan | ReconnectPlan | IdlePlan;

const PAIRS = { kind: "load", users: 200, shape: "pairs", senders: 100 } as const;
const GROUP = { kind: "load", shape: "group", loop: { kind: "closed", first: 1, again: "arrived" } } as const;
/** Sockets of `idle`. */
const IDLE = 1_000;

const PLANS: Readonly<Record<WorkloadName, Plan>> = {
  "pairs": { ...PAIRS, loop: { kind: "closed", first: 1, again: "acked" } },
  "pairs-32": { ...PAIRS, loop: { kind: "closed", first: 32, again: "acked" } },
  "open-200": { ...PAIRS, loop: { kind: "open", rate: 200 } },
  "group-1": { ...GROUP, users: 100, senders: 1 },
  "group-10": { ...GROUP, users: 100, senders: 10 },
  "group-500": { ...GROUP, users: 500, senders: 10 },
  "notify-500": { kind: "load", users: 500, shape: "group", senders: 1, loop: { kind: "open", rate: 10 }, viewers: 10 },
  "reconnect-1000": { kind: "reconnect", users: 2, missed: 1_000 },
  "idle": { kind: "idle", users: IDLE },
};

export const DESCRIPTIONS: Readonly<Record<WorkloadName, string>> = {
  "pairs": "100 direct pairs, a sender in each with one message in flight",
  "pairs-32": "100 direct pairs, a sender in each with 32 messages in flight, sent as arrays",
  "open-200": "200 messages a second over 100 direct pairs, whatever the answers",
  "group-1": "a group of 100, one sender; the next message when everybody has the last",
  "group-10": "a group of 100, ten senders; each its next message when everybody has its last",
  "group-500": "a group of 500, ten senders; each its next message when everybody has its last",
  "notify-500": "a group of 500, all online, 10 messages a second; ten get the bodies, the others are told",
  "reconnect-1000": "a device comes back that has missed 1,000 messages of a direct conversation",
  "idle": "connected users that do nothing",
};

/** @param sockets of `idle` */
export function planOf(name: WorkloadName, sockets: number | null): Plan {
  const plan = PLANS[name];
  return plan.kind === "idle" && sockets !== null ? { ...plan, users: sockets } : plan;
}

export function userName(index: number): string {
  return `bench-${index}`;
}

/** Users that a run of these needs. */
export function usersOf(names: readonly WorkloadName[]): number {
  return Math.max(...names.map((name) => planOf(name, null).users));
}
