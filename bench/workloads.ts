// The workloads. Each says who sends to whom, and when a sender sends again.
import type { Device } from "./device.ts";
import { largeGroup } from "./large.ts";
import type { Target } from "./target.ts";
import { type Progress, type Reactions, type Sender, Traffic } from "./traffic.ts";

/** What runs unless it is named; the bare Worker runs these alone. */
export const USUAL = ["pairs", "pairs-32", "open-200", "group-1", "group-10"] as const;
export const WORKLOADS = [...USUAL, "group-500"] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

export const DESCRIPTIONS: Readonly<Record<WorkloadName, string>> = {
  "pairs": "100 direct pairs, a sender in each with one message in flight",
  "pairs-32": "100 direct pairs, a sender in each with 32 messages in flight, sent as arrays",
  "open-200": "200 messages a second over 100 direct pairs, whatever the answers",
  "group-1": "a group of 100, one sender; the next message when everybody has the last",
  "group-10": "a group of 100, ten senders; each its next message when everybody has its last",
  "group-500": "a group of 500, all online, 10 messages a second; ten get the bodies, the others are told",
};

/** Users that the workloads need: 100 senders of pairs and their peers. The first 100 are the group. */
export const USERS = 200;
const PAIRS = 100;
const MEMBERS = 100;
const RATE = 200;

/** Traffic that can be switched on and off. */
export interface Load {
  traffic: Traffic;
  start(): void;
  /** No new messages; those under way still arrive. */
  stop(): void;
  /** Resolves once everybody outside the traffic has heard, too. */
  settled?(): Promise<void>;
  /** Lets go of what it has connected itself. */
  close?(): Promise<void>;
}

export async function prepare(name: WorkloadName, target: Target, devices: readonly Device[]): Promise<Load> {
  switch (name) {
    case "pairs":
      return pairs(devices, 1);
    case "pairs-32":
      return pairs(devices, 32);
    case "open-200":
      return open(devices, RATE);
    case "group-1":
      return group(target, devices, 1);
    case "group-10":
      return group(target, devices, 10);
    case "group-500":
      return largeGroup(target, devices);
  }
}

/** `first`: how many messages a sender starts with; after that, what `reactions` sends. */
function closedLoop(senders: readonly Sender[], first: number, reactions: (again: (sender: Progress, count: number) => void) => Reactions): Load {
  let running = false;
  const traffic: Traffic = new Traffic(senders, reactions((sender, count) => {
    if (running) traffic.send(sender, count);
  }));
  return {
    traffic,
    start() {
      running = true;
      for (const sender of traffic.senders) traffic.send(sender, first);
    },
    stop() {
      running = false;
    },
  };
}

function pairs(devices: readonly Device[], inFlight: number): Load {
  return closedLoop(pairSenders(devices), inFlight, (again) => ({ acked: again }));
}

async function group(target: Target, devices: readonly Device[], senders: number): Promise<Load> {
  const members = devices.slice(0, MEMBERS);
  const conversation_id = await createGroup(target, members.map(({ user }) => user));
  const sending = members.slice(0, senders).map((device) => ({ device, address: { conversation_id }, recipients: members.filter((member) => member !== device) }));
  return closedLoop(sending, 1, (again) => ({ arrived: (sender) => again(sender, 1) }));
}

function open(devices: readonly Device[], rate: number): Load {
  return atRate(new Traffic(pairSenders(devices), {}), rate);
}

/** So many a second over all senders, whatever the answers. */
export function atRate(traffic: Traffic, rate: number): Load {
  let timer: ReturnType<typeof setInterval> | undefined;
  return {
    traffic,
    start() {
      const begun = performance.now();
      let sent = 0;
      timer = setInterval(() => {
        for (const due = Math.floor(((performance.now() - begun) * rate) / 1_000); sent < due; sent += 1) {
          traffic.send(traffic.senders[sent % traffic.senders.length] as Progress, 1);
        }
      }, 1);
    },
    stop() {
      clearInterval(timer);
    },
  };
}

function pairSenders(devices: readonly Device[]): Sender[] {
  return devices.slice(0, PAIRS).map((device, i) => {
    const peer = devices[PAIRS + i] as Device;
    return { device, address: { to: peer.user }, recipients: [peer] };
  });
}

export async function createGroup(target: Target, [creator, ...members]: readonly string[]): Promise<string> {
  const response = await fetch(`${target.url}/v1/conversations`, {
    method: "POST",
    headers: { Authorization: `Bearer ${await target.token(creator as string)}`, "Content-Type": "application/json" },
    body: JSON.stringify({ kind: "group", title: "bench", members }),
  });
  if (response.status !== 201) throw new Error(`creating the group was answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { conversation_id: string }).conversation_id;
}
