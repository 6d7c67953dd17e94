// What each device does in a round, step by step: sends, deliberate resends, changes, cuts; and who comes and goes.
import type { PlannedConversation, PlannedMessage } from "./plan.ts";
import type { Random } from "./random.ts";
import type { Writer } from "./writer.ts";

export type Step = { wait_ms: number } & (
  | { do: "send"; as: "frame" | "array" | "rest"; messages: PlannedMessage[] }
  /** Numbered by their device, and written in another order. */
  | { do: "shuffled"; messages: PlannedMessage[] }
  /** altered: the same key with another body, once it has been acknowledged */
  | { do: "resend"; as: "frame" | "rest"; message: PlannedMessage; times: number; altered: boolean }
  /** An edit, a deletion or a reaction, once its target has been acknowledged */
  | { do: "change"; message: PlannedMessage }
  | { do: "cut" }
  /** The old socket stays open and unread for a while: for the server it looks alive. */
  | { do: "half_open"; for_ms: number }
  /** Reads the newest page: what is acknowledged by now must be in it. */
  | { do: "read"; conversation: PlannedConversation }
  /** Reads somewhere in the past, which may be archived and pruned by then. */
  | { do: "look_back"; conversation: PlannedConversation; share: number }
  /** The group's creator lets somebody in who is out, or out who is in. */
  | { do: "membership"; group: PlannedConversation; user_id: string }
);

export interface Script {
  user_id: string;
  device_id: string;
  steps: Step[];
}

export interface ScriptWorld {
  regulars: readonly string[];
  guests: readonly string[];
  standing: readonly PlannedConversation[];
  messages: number;
  writer: Writer;
  busy: boolean;
}

export const DEVICES = ["phone", "laptop"] as const;

interface Pace {
  pause_ms: number;
  array: number;
  /** Shares of the ways to send; the rest goes over REST. */
  frames: number;
  arrays: number;
  resend: number;
  change: number;
  read: number;
}
const CALM: Pace = { pause_ms: 120, array: 6, frames: 0.55, arrays: 0.25, resend: 0.2, change: 0.1, read: 0.05 };
const BUSY: Pace = { pause_ms: 4, array: 60, frames: 0.2, arrays: 0.7, resend: 0.2, change: 0.4, read: 0.06 };
const SHUFFLED = 5;

export function planScripts(random: Random, world: ScriptWorld): Script[] {
  const pace = world.busy ? BUSY : CALM;
  const scripts = world.regulars.flatMap((user_id) => DEVICES.map((device_id): Script => ({ user_id, device_id, steps: [] })));
  const mine = new Map(world.regulars.map((user) => [user, world.standing.filter(({ members }) => members.includes(user))]));
  for (let left = world.messages; left > 0;) {
    const script = random.pick(scripts);
    const conversations = mine.get(script.user_id) as PlannedConversation[];
    const step = planSend(random, pace, world.writer, script, conversations, left);
    script.steps.push(step);
    left -= step.messages.length;
    if (random.chance(pace.resend)) planResend(random, pace, world.writer, scripts, script.user_id);
    if (random.chance(pace.change)) {
      const message = world.writer.change(random, script.user_id, conversations);
      if (message !== null) script.steps.push({ do: "change", message, wait_ms: pause(random, pace) });
    }
    if (random.chance(pace.read)) script.steps.push({ do: "read", wait_ms: pause(random, pace), conversation: random.pick(conversations) });
    if (random.chance(pace.read)) script.steps.push({ do: "look_back", wait_ms: pause(random, pace), conversation: random.pick(conversations), share: random.next() });
  }
  for (const script of scripts) planCuts(random, pace, script);
  planGuests(random, pace, world, scripts);
  return scripts;
}

function planSend(random: Random, pace: Pace, writer: Writer, { user_id, device_id }: Script, conversations: readonly PlannedConversation[], left: number) {
  const draw = random.next();
  const wait_ms = pause(random, pace);
  const one = random.pick(conversations);
  if (draw < 0.05 && left >= SHUFFLED) {
    const counted = Array.from({ length: SHUFFLED }, () => writer.count(random, user_id, device_id, one));
    // The first number that the server sees sets the start.
    return { do: "shuffled" as const, messages: counted[0]?.number === 1 ? counted : random.some(counted, SHUFFLED), wait_ms };
  }
  const as = draw < pace.frames ? ("frame" as const) : draw < pace.frames + pace.arrays ? ("array" as const) : ("rest" as const);
  const count = as === "array" ? Math.min(left, random.int(2, pace.array)) : 1;
  const messages = Array.from({ length: count }, () => writer.write(random, user_id, random.chance(pace.array > 10 ? 0.9 : 0.6) ? one : random.pick(conversations)));
  return { do: "send" as const, as, messages, wait_ms };
}

/** From any of the sender's devices, or over REST. */
function planResend(random: Random, pace: Pace, writer: Writer, scripts: readonly Script[], user: string): void {
  const message = writer.again(random, user);
  if (message === undefined) return;
  random.pick(scripts.filter((script) => script.user_id === user)).steps.push({
    do: "resend", as: random.chance(0.6) ? "frame" : "rest", message, times: random.chance(0.15) ? 10 : random.int(1, 3),
    altered: random.chance(0.2), wait_ms: random.chance(0.5) ? 0 : pause(random, pace),
  });
}

function planCuts(random: Random, pace: Pace, script: Script): void {
  const at = () => random.int(0, script.steps.length);
  if (random.chance(0.5)) script.steps.splice(at(), 0, { do: "cut", wait_ms: pause(random, pace) });
  if (random.chance(0.3)) script.steps.splice(at(), 0, { do: "half_open", for_ms: random.int(200, 3_000), wait_ms: pause(random, pace) });
}

/** In every group one guest comes or goes, by its creator's hand. */
function planGuests(random: Random, pace: Pace, { guests, standing }: ScriptWorld, scripts: readonly Script[]): void {
  for (const group of standing.filter(({ kind }) => kind === "group")) {
    const script = scripts.find(({ user_id, device_id }) => user_id === group.members[0] && device_id === DEVICES[0]);
    for (const user_id of random.some(guests, random.int(1, 2))) {
      script?.steps.splice(random.int(0, script.steps.length), 0, { do: "membership", group, user_id, wait_ms: pause(random, pace) });
    }
  }
}

function pause(random: Random, { pause_ms }: Pace): number {
  return random.int(0, pause_ms);
}
