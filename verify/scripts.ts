// What each device does in a round, step by step: sends, deliberate resends, cuts.
import type { PlannedConversation, PlannedMessage, Writer } from "./plan.ts";
import type { Random } from "./random.ts";

export type Step = { wait_ms: number } & (
  | { do: "send"; as: "frame" | "array" | "rest"; messages: PlannedMessage[] }
  /** altered: the same key with another body, once it has been acknowledged */
  | { do: "resend"; as: "frame" | "rest"; message: PlannedMessage; times: number; altered: boolean }
  | { do: "cut" }
  /** The old socket stays open and unread for a while: for the server it looks alive. */
  | { do: "half_open"; for_ms: number }
  /** Reads the newest page: what is acknowledged by now must be in it. */
  | { do: "read"; conversation: PlannedConversation }
);

export interface Script {
  user_id: string;
  device_id: string;
  steps: Step[];
}

export interface ScriptWorld {
  regulars: readonly string[];
  standing: readonly PlannedConversation[];
  messages: number;
  writer: Writer;
}

export const DEVICES = ["phone", "laptop"] as const;
const PAUSE_MS = 120;
const ARRAY = 6;

export function planScripts(random: Random, world: ScriptWorld): Script[] {
  const scripts = world.regulars.flatMap((user_id) => DEVICES.map((device_id): Script => ({ user_id, device_id, steps: [] })));
  const mine = new Map(world.regulars.map((user) => [user, world.standing.filter(({ members }) => members.includes(user))]));
  for (let left = world.messages; left > 0;) {
    const script = random.pick(scripts);
    const conversations = mine.get(script.user_id) as PlannedConversation[];
    const step = planSend(random, world.writer, script.user_id, conversations, left);
    script.steps.push(step);
    left -= step.messages.length;
    if (random.chance(0.2)) planResend(random, world.writer, scripts, script.user_id);
    if (random.chance(0.03)) script.steps.push({ do: "read", wait_ms: pause(random), conversation: random.pick(conversations) });
  }
  for (const script of scripts) planCuts(random, script);
  return scripts;
}

function planSend(random: Random, writer: Writer, user: string, conversations: readonly PlannedConversation[], left: number) {
  const draw = random.next();
  const as = draw < 0.55 ? ("frame" as const) : draw < 0.8 ? ("array" as const) : ("rest" as const);
  const count = as === "array" ? Math.min(left, random.int(2, ARRAY)) : 1;
  const one = random.pick(conversations);
  const messages = Array.from({ length: count }, () => writer.write(random, user, random.chance(0.6) ? one : random.pick(conversations), as !== "array"));
  return { do: "send" as const, as, messages, wait_ms: pause(random) };
}

/** From any of the sender's devices, or over REST; of a message just sent, or of one from long ago. */
function planResend(random: Random, writer: Writer, scripts: readonly Script[], user: string): void {
  const sent = writer.sent.get(user) ?? [];
  const message = random.chance(0.7) ? sent.at(-1 - random.int(0, Math.min(3, sent.length - 1))) : random.pick(sent);
  if (message === undefined) return;
  random.pick(scripts.filter((script) => script.user_id === user)).steps.push({
    do: "resend", as: random.chance(0.6) ? "frame" : "rest", message, times: random.chance(0.15) ? 10 : random.int(1, 3),
    altered: random.chance(0.2), wait_ms: random.chance(0.5) ? 0 : pause(random),
  });
}

function planCuts(random: Random, script: Script): void {
  const at = () => random.int(0, script.steps.length);
  if (random.chance(0.5)) script.steps.splice(at(), 0, { do: "cut", wait_ms: pause(random) });
  if (random.chance(0.3)) script.steps.splice(at(), 0, { do: "half_open", for_ms: random.int(200, 3_000), wait_ms: pause(random) });
}

function pause(random: Random): number {
  return random.int(0, PAUSE_MS);
}
