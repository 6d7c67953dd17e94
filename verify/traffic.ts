// Plays the devices' scripts.
import type { Device } from "./device.ts";
import type { Shown } from "./journal.ts";
import { keyOf } from "./journal.ts";
import { sendOverRest } from "./over-rest.ts";
import { call } from "./rest.ts";
import type { Script, Step } from "./scripts.ts";
import { pause, until, type World } from "./world.ts";

/** A changed body is only interesting once the first one is acknowledged. */
const ALTER_MS = 2_000;
/** The newest events are never pruned, so this page never waits for an archive. */
const NEWEST = 4;

/** Resolves when every step was taken; what it sent may still be on its way. */
export async function playScript(world: World, script: Script, rest: Promise<void>[]): Promise<void> {
  const device = world.devices.get(`${script.user_id}/${script.device_id}`);
  if (device === undefined) throw new Error(`there is no device ${script.user_id}/${script.device_id}`);
  for (const step of script.steps) {
    await pause(step.wait_ms);
    await take(world, device, step, rest);
  }
}

async function take(world: World, device: Device, step: Step, rest: Promise<void>[]): Promise<void> {
  switch (step.do) {
    case "send":
      if (step.as === "rest") for (const message of step.messages) rest.push(sendOverRest(world, message, false));
      else device.send(step.messages, step.as === "array");
      break;
    case "resend": {
      const altered = step.altered && (await acknowledged(world, keyOf(step.message.sender_id, step.message.client_msg_id)));
      if (step.as === "frame") device.again(step.message, step.times, altered);
      else for (let i = 0; i < step.times; i += 1) rest.push(sendOverRest(world, step.message, altered));
      break;
    }
    case "cut":
      device.cut();
      break;
    case "half_open":
      device.halfOpen(step.for_ms);
      break;
    case "read":
      rest.push(readNewest(world, device.user_id, step.conversation.label));
      break;
  }
}

function acknowledged({ journal }: World, key: string): Promise<boolean> {
  return until(() => (journal.sendings.get(key)?.acks.length ?? 0) > 0, ALTER_MS);
}

/** What is acknowledged before the request leaves is in its answer. */
async function readNewest({ deployment, journal, violations }: World, userId: string, label: string): Promise<void> {
  const id = journal.idOf(label);
  if (id === undefined) return;
  const known = journal.headOf(id);
  try {
    const answer = await call(deployment, userId, "GET", `/v1/history/${id}?limit=${NEWEST}`);
    if (answer.status !== 200) return;
    const { events } = answer.body as { events: Shown[] };
    for (const event of events) journal.shown({ at: performance.now(), by: `${userId} newest page`, user_id: userId, event }, null);
    const newest = events[0]?.seq ?? 0;
    if (newest < known) violations.add("lost", `${label} was known to reach ${known}, and a page asked for after that ends at ${newest}`, [`${userId}: ${JSON.stringify(events[0] ?? null)}`]);
  } catch {
    // Whoever asks while the deployment is down gets no answer.
  }
}
