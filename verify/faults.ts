// What breaks in a round, and at which moments.
import type { Random } from "./random.ts";

/** tree: every process of the deployment. runtime: the one that runs the Worker and its objects. deploy: the edge, and another version comes in its place. */
export type Victim = "tree" | "runtime" | "deploy";

/**
 * traffic: while everybody talks. contacts: while newcomers are written to for the first time. created: while the members
 * of a new group are told of it. At an acknowledgement, or when the first of them sees it, in the same turn; or after a time. With
 * several in one phase each begins to wait when the deployment serves again after the one before.
 */
export type Moment =
  | { phase: "traffic" | "contacts"; at: "ack"; count: number }
  | { phase: "traffic"; at: "time"; ms: number }
  | { phase: "created"; at: "sight" };

export interface Fault {
  victim: Victim;
  moment: Moment;
}

export interface FaultSizes {
  /** Kills of the round. */
  kills: number;
  /** Messages of its traffic, and of its first contacts. */
  messages: number;
  contacts: number;
}

const CYCLE = 4;
/** Of the kills of a round that has several. */
const SHARE = { deploy: 0.12, tree: 0.2 };

/** Every round has one; victims alternate, and over eight rounds each of them meets each kind of moment. All further ones come in the traffic. */
export function planFaults(random: Random, round: number, sizes: FaultSizes): Fault[] {
  if (sizes.kills === 0) return [];
  const step = (round - 1) % CYCLE;
  const turn = Math.floor((round - 1) / CYCLE);
  const first: Fault = { victim: (round - 1 + turn) % 2 === 0 ? "tree" : "runtime", moment: momentOf(random, step, sizes) };
  const others = Array.from({ length: sizes.kills - 1 }, (_, i): Fault => {
    const draw = random.next();
    const victim = draw < SHARE.deploy ? "deploy" : draw < SHARE.deploy + SHARE.tree ? "tree" : "runtime";
    return { victim, moment: momentOf(random, i % 3 === 2 ? 3 : 1, sizes) };
  });
  return [...others, first];
}

function momentOf(random: Random, step: number, { kills, messages, contacts }: FaultSizes): Moment {
  const share = messages / Math.max(1, kills);
  if (step === 0) return { phase: "created", at: "sight" };
  if (step === 1) return { phase: "traffic", at: "ack", count: Math.max(1, random.int(Math.ceil(share * 0.2), Math.ceil(share * 0.8))) };
  if (step === 2) return { phase: "contacts", at: "ack", count: random.int(1, contacts) };
  return { phase: "traffic", at: "time", ms: random.int(100, 1_000) };
}

export function describeFault({ victim, moment }: Fault): string {
  const whom = victim === "tree" ? "every process" : victim === "runtime" ? "the runtime" : "the edge, for another version,";
  if (moment.at === "time") return `${whom} killed after ${moment.ms} ms of traffic`;
  if (moment.at === "sight") return `${whom} killed when the first member saw a new group`;
  return `${whom} killed right after ack ${moment.count} ${moment.phase === "traffic" ? "of the traffic" : "of first messages"}`;
}
