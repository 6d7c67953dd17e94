// What breaks in a round, and at which moment.
import type { Random } from "./random.ts";

/** tree: every process of the deployment. runtime: the one that runs the Worker and its objects. */
export type Victim = "tree" | "runtime";

/**
 * traffic: while everybody talks. contacts: while newcomers are written to for the first time. created: while the members
 * of a new group are told of it. At an acknowledgement, or when the first of them sees it, in the same turn; or after a time.
 */
export type Moment =
  | { phase: "traffic" | "contacts"; at: "ack"; count: number }
  | { phase: "traffic"; at: "time"; ms: number }
  | { phase: "created"; at: "sight" };

export interface Fault {
  victim: Victim;
  moment: Moment;
}

const CYCLE = 4;

/** Every round has one; victims alternate, and over eight rounds each of them meets each kind of moment. */
export function planFault(random: Random, round: number, messages: number, contacts: number): Fault {
  const step = (round - 1) % CYCLE;
  const turn = Math.floor((round - 1) / CYCLE);
  const victim = (round - 1 + turn) % 2 === 0 ? "tree" : "runtime";
  return { victim, moment: momentOf(random, step, messages, contacts) };
}

function momentOf(random: Random, step: number, messages: number, contacts: number): Moment {
  if (step === 0) return { phase: "created", at: "sight" };
  if (step === 1) return { phase: "traffic", at: "ack", count: random.int(Math.ceil(messages * 0.2), Math.ceil(messages * 0.8)) };
  if (step === 2) return { phase: "contacts", at: "ack", count: random.int(1, contacts) };
  return { phase: "traffic", at: "time", ms: random.int(100, 1_000) };
}

export function describeFault({ victim, moment }: Fault): string {
  const whom = victim === "tree" ? "every process" : "the runtime";
  if (moment.at === "time") return `${whom} killed after ${moment.ms} ms of traffic`;
  if (moment.at === "sight") return `${whom} killed when the first member saw a new group`;
  return `${whom} killed right after ack ${moment.count} ${moment.phase === "traffic" ? "of the traffic" : "of first messages"}`;
}
