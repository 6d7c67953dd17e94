// Plays the devices' scripts.
import { checkSight } from "./checks/sights.ts";
import type { Device } from "./device.ts";
import { keyOf, type Shown } from "./journal.ts";
import { changeMembership, sendOverRest } from "./over-rest.ts";
import type { PlannedMessage } from "./plan.ts";
import { call } from "./rest.ts";
import type { Script, Step } from "./scripts.ts";
import { isMoot, pause, until, type World } from "./world.ts";

/** A changed body is only interesting once the first one is acknowledged; so is a change. */
const ACKED_MS = 2_000;
/** The newest events are never pruned, so this page never waits for an archive. */
const NEWEST = 4;
const PAST = 20;
/** A device writes on while fewer of its messages than these are unanswered. */
const IN_FLIGHT = 150;
const STUCK_MS = 60_000;

/** Resolves when every step was taken; what it sent may still be on its way. Ends early where something is broken. */
export async function playScript(world: World, script: Script, rest: Promise<void>[]): Promise<void> {
  const device = world.devices.get(`${script.user_id}/${script.device_id}`);
  if (device === undefined) throw new Error(`there is no device ${script.user_id}/${script.device_id}`);
  for (const step of script.steps) {
    await pause(step.wait_ms);
    await until(() => device.outbox.size < IN_FLIGHT || isMoot(world), STUCK_MS, 5);
    if (isMoot(world)) return;
    await take(world, device, step, rest);
  }
}

async function take(world: World, device: Device, step: Step, rest: Promise<void>[]): Promise<void> {
  switch (step.do) {
    case "send":
      if (step.as === "rest") for (const message of step.messages) rest.push(sendOverRest(world, message, false));
      else device.send(step.messages, step.as === "array");
      break;
    case "shuffled":
      device.send(step.messages, false);
      break;
    case "resend": {
      const { message } = step;
      const altered = step.altered && (await acknowledged(world, keyOf(message.sender_id, message.client_msg_id)));
      if (step.as === "frame") device.again(message, step.times, altered);
      else for (let i = 0; i < step.times; i += 1) rest.push(sendOverRest(world, message, altered));
      break;
    }
    case "change":
      await until(() => isMoot(world) || hasTarget(world, step.message), ACKED_MS);
      if (hasTarget(world, step.message)) device.send([step.message], false);
      break;
    case "cut":
      device.cut();
      break;
    case "half_open":
      device.halfOpen(step.for_ms);
      break;
    case "read":
      rest.push(readNewest(world, device.user_id, step.conversation.label));
      break;
    case "look_back":
      rest.push(lookBack(world, device.user_id, step.conversation.label, step.share));
      break;
    case "membership":
      await changeMembership(world, step.group, step.user_id);
      break;
  }
}

function hasTarget({ journal }: World, { target }: PlannedMessage): boolean {
  return journal.targetOf(target ?? "") !== null;
}

function acknowledged({ journal }: World, key: string): Promise<boolean> {
  return until(() => (journal.sendings.get(key)?.acks.length ?? 0) > 0, ACKED_MS);
}

/** What is acknowledged before the request leaves is in its answer. */
async function readNewest(world: World, userId: string, label: string): Promise<void> {
  const { journal, violations } = world;
  const known = journal.courseOf(label)?.head ?? 0;
  const events = await page(world, userId, label, `limit=${NEWEST}`);
  if (events === null) return;
  const newest = events[0]?.seq ?? 0;
  if (newest < known) violations.add("lost", `${label} was known to reach ${known}, and a page asked for after that ends at ${newest}`, [`${userId}: ${JSON.stringify(events[0] ?? null)}`]);
}

/** Somewhere in the past, which is sealed, archived and pruned meanwhile: nothing is left out of it. */
async function lookBack(world: World, userId: string, label: string, share: number): Promise<void> {
  const known = world.journal.courseOf(label)?.head ?? 0;
  const after = Math.floor(share * known);
  const events = await page(world, userId, label, `after=${after}&limit=${PAST}`);
  events?.forEach(({ seq }, i) => {
    if (seq !== after + 1 + i) world.violations.add("hole", `a page of ${label} after ${after} has seq ${seq} in place ${i + 1}`, [`${userId}: ${events.map((event) => event.seq).join(" ")}`]);
  });
}

/** null where there is no answer just now. */
async function page(world: World, userId: string, label: string, query: string): Promise<Shown[] | null> {
  const { deployment, journal, violations } = world;
  const id = journal.idOf(label);
  if (id === undefined) return null;
  // Whoever asks while the deployment is down gets no answer.
  const answer = await call(deployment, userId, "GET", `/v1/history/${id}?${query}`).catch(() => null);
  if (answer === null || answer.status >= 500 || answer.status === 429) return null;
  if (answer.status !== 200) {
    violations.add("lost", `${userId} is a member of ${label}, and is told ${answer.status} of it`, [JSON.stringify(answer.body)]);
    return null;
  }
  const { events } = answer.body as { events: Shown[] };
  for (const event of events) checkSight(journal, violations, event, `${userId} ?${query}`, false);
  return events;
}
